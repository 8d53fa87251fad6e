// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>The machine of the tests of services and of what comes in by devices, beside <see cref="SharedHost"/>.</summary>
[CollectionDefinition(Name)]
public sealed class ServiceHost : ICollectionFixture<DockerHost>
{
    public const string Name = "service host";
}
