// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>One machine for all tests of networks and policy that leave it usable: each makes networks and containers of its
/// own. Tests of one machine run one after the other, and a machine costs less than a test: no machine's tests may take
/// much longer than another's.</summary>
[CollectionDefinition(Name)]
public sealed class SharedHost : ICollectionFixture<DockerHost>
{
    public const string Name = "shared host";
}
