// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using System.Net;
using Weir.Control.Cluster;
using Weir.Control.Policies;
using Weir.Control.State;
using Weir.Datapath;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control.Reconciling;

/// <summary>What policies say for endpoints of a world, compiled once for everybody of one identity, and remembered until
/// identities or the policy change. Used by one thread.</summary>
internal sealed class PolicyLists(PolicyPeers peers)
{
    /// <summary>The policy in force, and the one that takes its place.</summary>
    private const int MostCompilations = 2;

    private readonly List<Compilation> _compilations = [];
    private readonly NetworkNames _names = new();
    private (PolicySet Set, object Cidrs, object Host, object? Endpoints, object? Nodes, object? Alive, object? Blocks, object Networks, object Numbers)? _ipcacheOf;
    private ImmutableDictionary<IpPrefix, Behind> _ipcache = ImmutableDictionary<IpPrefix, Behind>.Empty;

    /// <summary>What is answered to who asks for a name.</summary>
    internal ImmutableDictionary<NetworkName, IReadOnlyList<IPAddress>> NamesOf(World world) => _names.Of(world);

    /// <summary>The decisions of one endpoint: the same object for all that share an identity.</summary>
    internal PolicyList Of(PolicyEngine engine, World world, Endpoint endpoint)
    {
        Compilation compilation = CompilationOf(engine, world);
        PolicyPeer subject = peers.Of(endpoint);
        if (!compilation.Lists.TryGetValue(subject, out PolicyList? list))
        {
            // All that will be asked for share the work.
            PolicyPeer[] subjects = [.. world.Attached.Select(peers.Of).Append(subject).Distinct(ReferenceEqualityComparer.Instance).Cast<PolicyPeer>().Where(one => !compilation.Lists.ContainsKey(one))];
            IReadOnlyList<IReadOnlyList<PolicyMapEntry>> compiled = engine.CompileAll(subjects, compilation.Peers);
            for (int i = 0; i < subjects.Length; i++)
            {
                compilation.Lists[subjects[i]] = new PolicyList(compiled[i], engine.DenyResponseOf(subjects[i]));
            }

            list = compilation.Lists[subject];
        }

        return list;
    }

    /// <summary>Who is behind which prefix: the host behind its own, before all that other nodes say, before all that policy
    /// names.</summary>
    internal ImmutableDictionary<IpPrefix, Behind> IpcacheOf(World world)
    {
        var of = (world.Engine.Set, world.Cidrs, world.HostPrefixes, world.Cluster?.Endpoints, world.Cluster?.Nodes, world.Cluster?.Alive, world.Cluster?.Blocks, world.Networks, world.NodeNumbers);
        if (_ipcacheOf is null || !_ipcacheOf.Value.Equals(of))
        {
            ImmutableDictionary<IpPrefix, Behind>.Builder rows = ImmutableDictionary.CreateBuilder<IpPrefix, Behind>();
            rows.AddRange(world.HostPrefixes.Select(prefix => KeyValuePair.Create(prefix, new Behind(Identity.Host))));
            foreach (IpPrefix prefix in of.Set.CidrPrefixes)
            {
                if (world.Cidrs.TryGetValue(prefix.Masked, out Identity identity) && !world.IsHost(prefix))
                {
                    rows[prefix.Masked] = new Behind(identity);
                }
            }

            foreach ((IpPrefix prefix, Behind behind) in RemoteParts.RowsOf(world))
            {
                if (!world.IsHost(prefix))
                {
                    rows[prefix] = behind;
                }
            }

            (_ipcacheOf, _ipcache) = (of, rows.ToImmutable());
        }

        return _ipcache;
    }

    private Compilation CompilationOf(PolicyEngine engine, World world)
    {
        Compilation? known = _compilations.Find(one => one.Engine == engine && one.Identities == world.Identities && one.Prefixes == world.Prefixes);
        if (known is null)
        {
            Compilation? before = _compilations.Find(one => one.Engine == engine && one.Prefixes == world.Prefixes);
            known = new Compilation(engine, world.Identities, world.Prefixes, peers.All(world));
            if (before is not null)
            {
                Follow(before, known);
            }

            _compilations.Insert(0, known);
            if (_compilations.Count > MostCompilations)
            {
                _compilations.RemoveAt(MostCompilations);
            }
        }

        return known;
    }

    /// <summary>Another label set changes few entries of few lists: what is the same stays the same object, and need be
    /// neither compiled nor put into the kernel again.</summary>
    private static void Follow(Compilation before, Compilation now)
    {
        HashSet<PolicyPeer> kept = new(before.Peers, ReferenceEqualityComparer.Instance);
        PolicyPeer[] come = [.. now.Peers.Where(peer => !kept.Remove(peer))];
        HashSet<uint> gone = [.. kept.Select(peer => peer.Identity.Value)];
        PolicyPeer[] subjects = [.. before.Lists.Keys.Where(subject => !kept.Contains(subject))];
        IReadOnlyList<IReadOnlyList<PolicyMapEntry>> more = now.Engine.CompileMore(subjects, come);
        for (int i = 0; i < subjects.Length; i++)
        {
            PolicyList list = before.Lists[subjects[i]];
            bool loses = gone.Count > 0 && list.Entries.Any(entry => gone.Contains(entry.Identity));
            now.Lists[subjects[i]] = more[i].Count == 0 && !loses ? list
                : list with { Entries = [.. list.Entries.Where(entry => !gone.Contains(entry.Identity)), .. more[i]] };
        }
    }

    private sealed record Compilation(PolicyEngine Engine, object Identities, object Prefixes, IReadOnlyCollection<PolicyPeer> Peers)
    {
        internal Dictionary<PolicyPeer, PolicyList> Lists { get; } = new(ReferenceEqualityComparer.Instance); // an identity is one object
    }
}
