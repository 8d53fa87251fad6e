// SPDX-License-Identifier: Apache-2.0
namespace Weir.Control.Watch;

/// <summary>What the datapath keeps whatever endpoints and devices there are.</summary>
internal static class DatapathExpectations
{
    internal static IEnumerable<Expectation> Of(Datapath.Datapath datapath) =>
    [
        new("pin", "a pin of a map or program", _ => datapath.UnpinnedPaths().Count == 0, datapath.PinAgain),
        new("program", "the program that finds the proxy's listener", _ => datapath.IsListenerWhole, datapath.AttachListener),
    ];
}
