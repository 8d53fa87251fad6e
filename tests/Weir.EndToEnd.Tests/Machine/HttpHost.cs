// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>The machine of the tests of HTTP policy, beside <see cref="SharedHost"/>.</summary>
[CollectionDefinition(Name)]
public sealed class HttpHost : ICollectionFixture<DockerHost>
{
    public const string Name = "HTTP host";
}
