// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using System.Net;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;
using Weir.Services;
using Weir.Store;

namespace Weir.Control.Cluster;

/// <summary>What the shared store says, as far as this node has heard: never changed, only followed by another. What cannot be
/// read is left out and named in <see cref="Faults"/>: one broken record must not stop every node.</summary>
internal sealed record ClusterView
{
    internal static ClusterView Empty { get; } = new();

    /// <summary>This node's name.</summary>
    internal string Self { get; init; } = "";

    /// <summary>The store's, up to which all has been heard.</summary>
    internal long Revision { get; init; }

    internal ImmutableSortedDictionary<string, NodeRecord> Nodes { get; init; } = ImmutableSortedDictionary.Create<string, NodeRecord>(StringComparer.Ordinal);

    /// <summary>Names of nodes that keep their lease.</summary>
    internal ImmutableSortedSet<string> Alive { get; init; } = ImmutableSortedSet.Create<string>(StringComparer.Ordinal);

    /// <summary>The nodes but this one, silent ones among them: the kernel of a node lives on without its agent. But where another
    /// that is alive has its address, it is gone.</summary>
    internal ImmutableArray<NodeRecord> Others { get; private init; } = [];

    internal ImmutableDictionary<LabelSet, NumberedLabels> Identities { get; init; } = ImmutableDictionary<LabelSet, NumberedLabels>.Empty;

    /// <summary>Numbers that somebody has, whether their labels are known or not.</summary>
    internal ImmutableSortedSet<Identity> Numbers { get; init; } = [];

    /// <summary>Numbers in use, each with the nodes that use it.</summary>
    internal ImmutableDictionary<Identity, ImmutableHashSet<string>> Uses { get; init; } = ImmutableDictionary<Identity, ImmutableHashSet<string>>.Empty;

    /// <summary>By node, then by the runtime's name.</summary>
    internal ImmutableDictionary<string, ImmutableDictionary<string, EndpointRecord>> Endpoints { get; init; } = ImmutableDictionary<string, ImmutableDictionary<string, EndpointRecord>>.Empty;

    internal ImmutableSortedDictionary<string, NetworkRecord> Networks { get; init; } = ImmutableSortedDictionary.Create<string, NetworkRecord>(StringComparer.Ordinal);

    internal ImmutableDictionary<IpPrefix, BlockRecord> Blocks { get; init; } = ImmutableDictionary<IpPrefix, BlockRecord>.Empty;

    /// <summary>The policy of all nodes; null: nobody has put one in force yet.</summary>
    internal PolicyRecord? Policy { get; init; }

    /// <summary>Of <see cref="Policy"/>; 0: it is not known.</summary>
    internal long PolicyRevision { get; init; }

    /// <summary>Documents of policies, by hash.</summary>
    internal ImmutableDictionary<string, string> Texts { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>Services of all nodes, by name.</summary>
    internal ImmutableSortedDictionary<string, KeptService> Services { get; init; } = ImmutableSortedDictionary.Create<string, KeptService>(StringComparer.Ordinal);

    /// <summary>Of the last change of services; 0: nobody has made any yet, or it is not known.</summary>
    internal long ServicesRevision { get; init; }

    /// <summary>How large the tables of services are, by name.</summary>
    internal ImmutableDictionary<string, TableSize> Tables { get; init; } = ImmutableDictionary<string, TableSize>.Empty;

    /// <summary>What nodes say of backends that they have, by node, then by service.</summary>
    internal ImmutableDictionary<string, ImmutableDictionary<string, HealthRecord>> Health { get; init; } = ImmutableDictionary<string, ImmutableDictionary<string, HealthRecord>>.Empty;

    /// <summary>By key, why a record cannot be read.</summary>
    internal ImmutableSortedDictionary<string, string> Faults { get; init; } = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    /// <param name="ModRevision">Whoever changes the record says which he saw.</param>
    internal sealed record NumberedLabels(Identity Identity, LabelSet Labels, long ModRevision);

    internal IEnumerable<NodeRecord> Living => Nodes.Values.Where(node => Alive.Contains(node.Name));

    internal static ClusterView Of(Listing listing, string self) =>
        listing.Records.Aggregate(Empty with { Self = self }, (view, record) => view.With(record.Key, record, null)).WithOthers(Empty) with { Revision = listing.Revision };

    internal ClusterView With(RevisionChanges told) =>
        told.Changes.Aggregate(this, (view, change) => view.With(change.Key, change.Record, change.Before)).WithOthers(this) with { Revision = told.Revision };

    private ClusterView With(string key, KeyValue? now, KeyValue? before)
    {
        string[] path = key.Split('/');
        try
        {
            ClusterView view = (path[0] + "/", path.Length) switch
            {
                (ClusterKeys.Nodes, 2) => this with { Nodes = Set(Nodes, path[1], Read(now, ClusterContext.Default.NodeRecord)) },
                (ClusterKeys.Alive, 2) => this with { Alive = now is null ? Alive.Remove(path[1]) : Alive.Add(path[1]) },
                (ClusterKeys.Identities, 2) => WithIdentity(now, before),
                (ClusterKeys.Numbers, 2) when TryNumber(path[1], out Identity number) => this with { Numbers = now is null ? Numbers.Remove(number) : Numbers.Add(number) },
                (ClusterKeys.Uses, 3) when TryNumber(path[1], out Identity number) => WithUse(number, path[2], now is not null),
                (ClusterKeys.Endpoints, 3) => WithEndpoint(path[1], path[2], Read(now, ClusterContext.Default.EndpointRecord)),
                (ClusterKeys.Networks, 2) => this with { Networks = Set(Networks, path[1], Read(now, ClusterContext.Default.NetworkRecord)) },
                (ClusterKeys.Policy + "/", 1) => this with { Policy = Read(now, ClusterContext.Default.PolicyRecord), PolicyRevision = now?.ModRevision ?? 0 },
                (ClusterKeys.Texts, 2) => this with { Texts = now is null ? Texts.Remove(path[1]) : Texts.SetItem(path[1], System.Text.Encoding.UTF8.GetString(now.Value.Span)) },
                (ClusterKeys.Blocks, 3) => WithBlock(path[2], Read(now, ClusterContext.Default.BlockRecord)),
                (ClusterKeys.Services, 1) => this with { ServicesRevision = now?.ModRevision ?? 0 },
                (ClusterKeys.Services, _) => WithService(key[ClusterKeys.Services.Length..], now),
                (ClusterKeys.Tables, > 1) => WithTable(key[ClusterKeys.Tables.Length..], Read(now, ClusterContext.Default.TableRecord)),
                (ClusterKeys.Health, > 2) => WithHealth(path[1], key[ClusterKeys.HealthOf(path[1]).Length..], Read(now, ClusterContext.Default.HealthRecord)),
                _ => this, // of a newer version
            };
            return view.Faults.IsEmpty || !view.Faults.ContainsKey(key) ? view : view with { Faults = view.Faults.Remove(key) };
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException or NotSupportedException or ArgumentException)
        {
            return this with { Faults = Faults.SetItem(key, e.Message) };
        }
    }

    /// <summary>With what was known before of the other nodes and is not there now. An etcd that was put back to a backup does not have
    /// what they said since, and they say it again: until then their flows go on.</summary>
    internal ClusterView Keeping(ClusterView before)
    {
        HashSet<IPAddress> taken = [.. Endpoints.Values.SelectMany(there => there.Values).SelectMany(endpoint => endpoint.Addresses)];
        Dictionary<Identity, LabelSet> numbers = Identities.Values.ToDictionary(known => known.Identity, known => known.Labels);
        // A number that is another label set's now says nothing of who had it.
        NumberedLabels[] kept = [.. before.Identities.Values.Where(known => numbers.TryAdd(known.Identity, known.Labels) && !Identities.ContainsKey(known.Labels))];
        HashSet<Identity> same = [.. before.Identities.Values.Where(known => numbers[known.Identity].Equals(known.Labels)).Select(known => known.Identity)];
        ClusterView view = this with
        {
            Nodes = Nodes.AddRange(before.Nodes.Where(node => node.Key != Self && !Nodes.ContainsKey(node.Key))),
            Blocks = Blocks.AddRange(before.Blocks.Where(block => block.Value.Node != Self && !Blocks.ContainsKey(block.Key))),
            Identities = Identities.AddRange(kept.Select(known => KeyValuePair.Create(known.Labels, known))),
            Numbers = Numbers.Union(kept.Select(known => known.Identity)),
        };
        foreach ((string node, string id, EndpointRecord endpoint) in before.Endpoints.Where(there => there.Key != Self)
            .SelectMany(there => there.Value.Select(one => (there.Key, one.Key, one.Value))))
        {
            if (same.Contains(endpoint.Identity) && !endpoint.Addresses.Any(taken.Contains) && view.Endpoints.GetValueOrDefault(node)?.ContainsKey(id) != true)
            {
                view = view.WithEndpoint(node, id, endpoint);
            }
        }

        return view.WithOthers(this);
    }

    private ClusterView WithOthers(ClusterView before)
    {
        if (ReferenceEquals(Nodes, before.Nodes) && ReferenceEquals(Alive, before.Alive))
        {
            return this;
        }

        HashSet<IPAddress> taken = [.. Nodes.Values.Where(node => node.Name == Self || Alive.Contains(node.Name)).SelectMany(node => node.Addresses)];
        return this with { Others = [.. Nodes.Values.Where(node => node.Name != Self && (Alive.Contains(node.Name) || !node.Addresses.Any(taken.Contains)))] };
    }

    private ClusterView WithIdentity(KeyValue? now, KeyValue? before)
    {
        ImmutableDictionary<LabelSet, NumberedLabels> identities = Identities;
        if (now is null && before is not null && Read(before, ClusterContext.Default.IdentityRecord) is { } gone)
        {
            identities = identities.Remove(gone.Labels);
        }

        if (now is not null && Read(now, ClusterContext.Default.IdentityRecord) is { Identity.IsOfCluster: true } come)
        {
            identities = identities.SetItem(come.Labels, new NumberedLabels(come.Identity, come.Labels, now.ModRevision));
        }

        return this with { Identities = identities };
    }

    private ClusterView WithUse(Identity number, string node, bool isUsed)
    {
        ImmutableHashSet<string> nodes = Uses.GetValueOrDefault(number, []);
        nodes = isUsed ? nodes.Add(node) : nodes.Remove(node);
        return this with { Uses = nodes.IsEmpty ? Uses.Remove(number) : Uses.SetItem(number, nodes) };
    }

    private ClusterView WithEndpoint(string node, string id, EndpointRecord? endpoint)
    {
        ImmutableDictionary<string, EndpointRecord> there = Endpoints.GetValueOrDefault(node, ImmutableDictionary<string, EndpointRecord>.Empty);
        there = endpoint is null ? there.Remove(id) : there.SetItem(id, endpoint);
        return this with { Endpoints = there.IsEmpty ? Endpoints.Remove(node) : Endpoints.SetItem(node, there) };
    }

    private ClusterView WithBlock(string text, BlockRecord? block)
    {
        IpPrefix prefix = IpPrefix.Parse(text.Replace('_', '/'));
        return this with { Blocks = block is null ? Blocks.Remove(prefix) : Blocks.SetItem(prefix, block with { Block = prefix }) };
    }

    private ClusterView WithService(string name, KeyValue? now)
    {
        KeptService? service = Read(now, StateContext.Default.KeptService);
        return service is null || service.Spec.Name == name
            ? this with { Services = Set(Services, name, service) }
            : throw new FormatException($"it is of service \"{service.Spec.Name}\"");
    }

    private ClusterView WithTable(string service, TableRecord? table)
    {
        if (table is not null && !(IsSize(table.Ipv4) && IsSize(table.Ipv6)))
        {
            throw new FormatException($"a table has a power of two of slots, at most {MaglevTable.MostSlots}; not {table.Ipv4} and {table.Ipv6}");
        }

        return this with { Tables = table is null ? Tables.Remove(service) : Tables.SetItem(service, new TableSize(table.Ipv4, table.Ipv6)) };
    }

    private static bool IsSize(uint slots) => slots == 0 || (BitOperations.IsPow2(slots) && slots <= MaglevTable.MostSlots);

    private ClusterView WithHealth(string node, string service, HealthRecord? health)
    {
        ImmutableDictionary<string, HealthRecord> there = Health.GetValueOrDefault(node, ImmutableDictionary<string, HealthRecord>.Empty);
        there = health is null ? there.Remove(service) : there.SetItem(service, health);
        return this with { Health = there.IsEmpty ? Health.Remove(node) : Health.SetItem(node, there) };
    }

    private static ImmutableSortedDictionary<string, T> Set<T>(ImmutableSortedDictionary<string, T> all, string name, T? record)
        where T : class => record is null ? all.Remove(name) : all.SetItem(name, record);

    private static T? Read<T>(KeyValue? record, JsonTypeInfo<T> type)
        where T : class =>
        record is null ? null : JsonSerializer.Deserialize(record.Value.Span, type) ?? throw new JsonException("it is empty");

    private static bool TryNumber(string text, out Identity identity)
    {
        identity = new Identity(uint.TryParse(text, out uint number) ? number : 0);
        return identity.IsOfCluster;
    }
}
