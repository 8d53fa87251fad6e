// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>The machine of tests that stop the agent, start it with other settings, or wait for Docker more than for
/// anything else, beside <see cref="SharedHost"/>.</summary>
[CollectionDefinition(Name)]
public sealed class RestartedHost : ICollectionFixture<DockerHost>
{
    public const string Name = "restarted host";
}
