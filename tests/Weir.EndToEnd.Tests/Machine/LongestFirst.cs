// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.HostShapes;
using Xunit;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer("Weir.EndToEnd.Tests.Machine.LongestFirst", "Weir.EndToEnd.Tests")]

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>Begins with the collections that take longest: a long one that begins last is all that runs in the end.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    /// <summary>In the order of the minutes that they took.</summary>
    private static readonly string[] _long =
    [
        EmulatedHostTests.Name, nameof(VersionUpgradeTests), RealClientsHost.Name, HttpHost.Name, OtherVerdictHost.Name, SharedHost.Name, nameof(ExplainTests), HostileHttpHost.Name, nameof(HostShapeTests),
        ServiceHost.Name, nameof(UplinkTests), RestartedHost.Name, nameof(ManyHostsTests), nameof(DoorTests), nameof(WatchdogTests), nameof(RestartTests),
        nameof(ManyHostsServiceTests), nameof(ManyHostsNameTests), nameof(DocumentedCommandRunTests),
    ];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(collection => Array.FindIndex(_long, name => collection.DisplayName.Contains(name, StringComparison.Ordinal)) is var at and >= 0 ? at : _long.Length);
}
