// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Weir.Control.Cluster;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;
using Weir.Store;

namespace Weir.Control.Past;

/// <summary>What judging needs of a <see cref="World"/>, as texts by key; and a world of such texts. What is the same has the same
/// text, so that a change is a few of them.</summary>
internal sealed class HistoryEntries
{
    internal const string Policies = "policy/";
    internal const string Endpoints = "endpoint/";
    internal const string Enforcement = "enforcement";

    private const string Networks = "network/";
    private const string Identities = "identity/";
    private const string Nodes = "node/";
    private const string Remote = "remote/";
    private const string Doors = "doors";
    private const string Host = "host";
    private const string Prefilter = "prefilter";

    private Dictionary<string, (object Source, string Text)> _known = new(StringComparer.Ordinal);

    /// <summary>All of a world. Only what is another object than before is written anew.</summary>
    internal Dictionary<string, string> Of(World world)
    {
        Dictionary<string, (object Source, string Text)> all = new(StringComparer.Ordinal);
        void Add<T>(string key, T source, Func<T, string> write)
            where T : class => all[key] = _known.TryGetValue(key, out var known) && ReferenceEquals(known.Source, source) ? known : (source, write(source));
        foreach (PolicyDocument document in world.Engine.Set.Documents)
        {
            Add(Policies + document.Key, document, Write);
        }

        foreach (Network network in world.Networks.Values)
        {
            Add(Networks + network.Id, network, own => Json(own, StateContext.Default.Network));
        }

        foreach (Endpoint endpoint in world.Attached)
        {
            Add(Endpoints + endpoint.ExternalId, endpoint, own => Json(Bare(own), StateContext.Default.Endpoint));
        }

        foreach (var (identity, labels) in world.Identities)
        {
            Add(Identities + identity.Value.ToString(CultureInfo.InvariantCulture), labels, own => own.Canonical);
        }

        foreach (NodeRecord node in world.Cluster?.Others ?? [])
        {
            Add(Nodes + node.Name, node, own => Json(new NodeRecord(own.Name, own.Address, own.OtherAddress, "", "", default, 0), ClusterContext.Default.NodeRecord));
            foreach (var (id, endpoint) in world.Cluster!.Endpoints.GetValueOrDefault(node.Name) ?? ImmutableDictionary<string, EndpointRecord>.Empty)
            {
                Add($"{Remote}{node.Name}/{id}", endpoint, own => Json(own, ClusterContext.Default.EndpointRecord));
            }
        }

        Add(Host, world.HostPrefixes, own => string.Join(' ', own.Order()));
        Add(Prefilter, world.Prefilter, own => string.Join(' ', own));
        all[Enforcement] = (Enforcement, world.Engine.Mode.ToString());
        all[Doors] = (Doors, world.Doors.Mode.ToString());
        _known = all;
        return all.ToDictionary(entry => entry.Key, entry => entry.Value.Text, StringComparer.Ordinal);
    }

    /// <summary>The world that has these. Services and what they lead to are not among them.</summary>
    internal static World ToWorld(IReadOnlyDictionary<string, string> entries)
    {
        PolicyEngine engine = EngineOf(entries);
        uint number = 0;
        ImmutableDictionary<IpPrefix, Identity> cidrs = engine.Set.CidrPrefixes.ToImmutableDictionary(prefix => prefix.Masked, _ => Identity.ForCidr(++number));
        World world = World.Empty with
        {
            Engine = engine,
            Cidrs = cidrs,
            Prefixes = cidrs.ToImmutableDictionary(cidr => cidr.Value, cidr => cidr.Key),
            Networks = All(entries, Networks).Select(entry => Read(entry.Text, StateContext.Default.Network)).ToImmutableDictionary(network => network.Id),
            Endpoints = EndpointsOf(entries).ToImmutableDictionary(endpoint => endpoint.ExternalId),
            Identities = All(entries, Identities).ToImmutableSortedDictionary(entry => new Identity(uint.Parse(entry.Key, CultureInfo.InvariantCulture)), entry => LabelSet.ParseCanonical(entry.Text)),
            HostPrefixes = [.. Prefixes(entries, Host)],
            Prefilter = [.. Prefixes(entries, Prefilter)],
            Doors = new DoorSetting(Enum.Parse<DoorMode>(entries.GetValueOrDefault(Doors, nameof(DoorMode.Closed))), IsLeftOpen: false),
        };
        KeyValue[] shared =
        [
            .. All(entries, Nodes).Select(entry => Record(ClusterKeys.Node(entry.Key), entry.Text)),
            .. All(entries, Remote).Select(entry => Record(ClusterKeys.Endpoints + entry.Key, entry.Text)),
        ];
        return shared.Length == 0 ? world : world with { Cluster = ClusterView.Of(new Listing(0, shared), "") };
    }

    internal static IEnumerable<Endpoint> EndpointsOf(IReadOnlyDictionary<string, string> entries) => All(entries, Endpoints).Select(entry => Read(entry.Text, StateContext.Default.Endpoint));

    /// <summary>The policy, as it was kept.</summary>
    internal static PolicyEngine EngineOf(IReadOnlyDictionary<string, string> entries)
    {
        List<(PolicyDocument, uint)> documents = [];
        foreach (var (_, text) in All(entries, Policies))
        {
            KeptPolicy kept = PolicyOf(text);
            PolicyReadResult read = PolicyReader.Read(kept.SourceFile, kept.Text, kept.FirstLine, isKept: true);
            if (read.HasErrors)
            {
                throw new ControlException($"a policy of that time cannot be read by this version: {read.Problems.First(problem => problem.IsError)}");
            }

            documents.AddRange(read.Documents.Select(document => ((kept.AppliedInAudit ? document.InAudit() : document) with { AppliedBy = kept.AppliedBy ?? "", AppliedAt = kept.AppliedAt }, kept.FirstRuleId)));
        }

        return new PolicyEngine(PolicySet.Restore(documents, 1), Enum.Parse<EnforcementMode>(entries.GetValueOrDefault(Enforcement, nameof(EnforcementMode.Default))));
    }

    internal static KeptPolicy PolicyOf(string text) => Read(text, StateContext.Default.KeptPolicy);

    private static string Write(PolicyDocument document) => Json(
        new KeptPolicy(document.SourceFile, document.FirstLine, document.Rules.Count > 0 ? document.Rules[0].Id : 0, document.Text, document.AppliedBy, document.AppliedAt, document.AppliedInAudit), StateContext.Default.KeptPolicy);

    /// <summary>Without what judging does not look at and what changes more often.</summary>
    private static Endpoint Bare(Endpoint endpoint) => endpoint with
    {
        Published = [],
        Doors = null,
        Claims = null,
        Ifindex = 0,
        NamespacePath = "",
        NamespaceCookie = 0,
        Program = "",
        Aliases = [],
        Image = "",
    };

    private static IEnumerable<(string Key, string Text)> All(IReadOnlyDictionary<string, string> entries, string prefix) =>
        entries.Where(entry => entry.Key.StartsWith(prefix, StringComparison.Ordinal)).OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => (entry.Key[prefix.Length..], entry.Value));

    private static IEnumerable<IpPrefix> Prefixes(IReadOnlyDictionary<string, string> entries, string key) =>
        entries.GetValueOrDefault(key, "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(IpPrefix.Parse);

    private static KeyValue Record(string key, string text) => new(key, Encoding.UTF8.GetBytes(text), 0, 0);

    private static string Json<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.Serialize(value, type);

    private static T Read<T>(string text, JsonTypeInfo<T> type) =>
        JsonSerializer.Deserialize(text, type) ?? throw new ControlException("the history of policy has an empty record; ask for another time");
}
