// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>The machine of the real clients, which are as many as all other tests of HTTP: see <see cref="HttpHost"/>.</summary>
[CollectionDefinition(Name)]
public sealed class RealClientsHost : ICollectionFixture<DockerHost>
{
    public const string Name = "real clients' host";
}
