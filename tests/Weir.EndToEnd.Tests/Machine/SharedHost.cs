// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>One machine for all tests that leave it usable: each makes networks and containers of its own.</summary>
[CollectionDefinition(Name)]
public sealed class SharedHost : ICollectionFixture<DockerHost>
{
    public const string Name = "shared host";
}
