// SPDX-License-Identifier: Apache-2.0

using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>Of every map that is pinned, who writes it.</summary>
internal static class MapWriters
{
    private static readonly Dictionary<string, MapWriter> _writers = new()
    {
        [MapNames.Settings] = MapWriter.Agent,
        [MapNames.Endpoint] = MapWriter.Both,
        [MapNames.Local] = MapWriter.Agent,
        [MapNames.Claim] = MapWriter.Agent,
        [MapNames.Ipcache] = MapWriter.Agent,
        [MapNames.Node] = MapWriter.Agent,
        [MapNames.NodeId] = MapWriter.Agent,
        [MapNames.NodeEcho] = MapWriter.Nobody,
        [MapNames.Name] = MapWriter.Agent,
        [MapNames.NameCount] = MapWriter.Counters,
        [MapNames.Question] = MapWriter.Nobody,
        [MapNames.Policy] = MapWriter.Agent,
        [MapNames.Ct] = MapWriter.Programs,
        [MapNames.CtBrief] = MapWriter.Programs,
        [MapNames.CtUse] = MapWriter.Both,
        [MapNames.Alias] = MapWriter.Programs,
        [MapNames.Frag] = MapWriter.Programs,
        [MapNames.Http] = MapWriter.Nobody,
        [MapNames.HttpFlow] = MapWriter.Programs,
        [MapNames.HttpPort] = MapWriter.Programs,
        [MapNames.TakeOver] = MapWriter.Nobody,
        [MapNames.HttpSeen] = MapWriter.Nobody,
        [MapNames.HttpCount] = MapWriter.Counters,
        [MapNames.Calls] = MapWriter.Nobody,
        [MapNames.Listeners] = MapWriter.Proxy,
        [MapNames.Events] = MapWriter.Nobody,
        [MapNames.Metrics] = MapWriter.Counters,
        [MapNames.Lost] = MapWriter.Counters,
        [MapNames.Service] = MapWriter.Agent,
        [MapNames.Frontend] = MapWriter.Agent,
        [MapNames.Slot] = MapWriter.Agent,
        [MapNames.Backend] = MapWriter.Agent,
        [MapNames.Bucket] = MapWriter.Nobody,
        [MapNames.Hop] = MapWriter.Nobody,
        [MapNames.Moved] = MapWriter.Programs,
        [MapNames.Rate] = MapWriter.Nobody,
        [MapNames.Affinity] = MapWriter.Programs,
        [MapNames.Change] = MapWriter.Both,
        [MapNames.Nat] = MapWriter.Programs,
        [MapNames.NatUdp] = MapWriter.Programs,
        [MapNames.NatOpen] = MapWriter.Programs,
        [MapNames.NatHint] = MapWriter.Programs,
        [MapNames.NatSeed] = MapWriter.Programs,
        [MapNames.NatGiven] = MapWriter.Programs,
        [MapNames.Sock] = MapWriter.Programs,
        [MapNames.Netns] = MapWriter.Agent,
        [MapNames.LbStats] = MapWriter.Counters,
        [MapNames.Answers] = MapWriter.Nobody,
        [MapNames.PreAddr] = MapWriter.Agent,
        [MapNames.PreNet] = MapWriter.Agent,
        [MapNames.Publish] = MapWriter.Agent,
    };

    internal static IReadOnlyCollection<string> Known => _writers.Keys;

    internal static MapWriter Of(string map) => _writers.GetValueOrDefault(map, MapWriter.Nobody);
}
