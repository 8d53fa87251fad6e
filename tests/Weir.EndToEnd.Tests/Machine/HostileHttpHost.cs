// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>Likewise, for those that send what nobody should: <see cref="HttpHost"/>'s others need not wait for them.</summary>
[CollectionDefinition(Name)]
public sealed class HostileHttpHost : ICollectionFixture<DockerHost>
{
    public const string Name = "host of hostile HTTP";
}
