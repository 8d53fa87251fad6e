// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;
using Weir.Net;
using Weir.Policy;
using Weir.Store;

namespace Weir.Control.Identities;

/// <summary>One number for every label set, and one for every prefix that policy names. Called under
/// the control plane's lock.</summary>
internal sealed class IdentityAllocator
{
    private const string Folder = "identities";
    private const uint LastAllocated = 0x00ffffff;
    private const uint CidrNumbers = 0x00ffffff;

    /// <summary>How long a number waits for its labels to come back before it is forgotten.</summary>
    private static readonly TimeSpan _grace = TimeSpan.FromMinutes(10);

    private readonly IStore _store;
    private readonly TimeProvider _time;
    private readonly Dictionary<LabelSet, Entry> _byLabels = [];
    private readonly Dictionary<Identity, Entry> _byIdentity = [];
    private readonly Dictionary<IpPrefix, Identity> _cidrs = [];
    private readonly Dictionary<Identity, IpPrefix> _prefixes = [];
    private uint _last = Identity.FirstAllocated - 1;
    private uint _lastCidr;

    internal IdentityAllocator(IStore store, TimeProvider time)
    {
        _store = store;
        _time = time;
        foreach (LabelIdentity kept in store.List(Folder, StateContext.Default.LabelIdentity))
        {
            Add(kept);
        }
    }

    /// <summary>Every label set with its number, by number.</summary>
    internal IEnumerable<LabelIdentity> LabelSets => _byIdentity.Values.Select(entry => entry.Kept).OrderBy(kept => kept.Identity);

    /// <summary>Prefixes with a number of their own.</summary>
    internal IReadOnlyDictionary<IpPrefix, Identity> Cidrs => _cidrs;

    internal LabelSet? FindLabels(Identity identity) => _byIdentity.GetValueOrDefault(identity)?.Kept.Labels;

    internal IpPrefix? FindPrefix(Identity identity) => _prefixes.TryGetValue(identity, out IpPrefix prefix) ? prefix : null;

    internal Identity? FindCidr(IpPrefix prefix) => _cidrs.TryGetValue(prefix.Masked, out Identity identity) ? identity : null;

    /// <summary>The number of a label set, for one more endpoint.</summary>
    /// <param name="isNew">Policy has to be compiled for it.</param>
    internal Identity Acquire(LabelSet labels, out bool isNew)
    {
        isNew = !_byLabels.TryGetValue(labels, out Entry? entry);
        if (entry is null)
        {
            var kept = new LabelIdentity(NextFree(), labels);
            _store.Put($"{Folder}/{kept.Identity.Value}", kept, StateContext.Default.LabelIdentity);
            entry = Add(kept);
        }

        entry.Users++;
        return entry.Kept.Identity;
    }

    /// <summary>One endpoint less. The number stays for a while: containers come back.</summary>
    internal void Release(Identity identity)
    {
        if (_byIdentity.TryGetValue(identity, out Entry? entry) && entry.Users > 0 && --entry.Users == 0)
        {
            entry.UnusedSince = _time.GetUtcNow();
        }
    }

    /// <summary>Forgets numbers that nobody used for long; true if there were any.</summary>
    internal bool Sweep()
    {
        DateTimeOffset latest = _time.GetUtcNow() - _grace;
        Entry[] over = [.. _byIdentity.Values.Where(entry => entry.Users == 0 && entry.UnusedSince < latest)];
        foreach (Entry entry in over)
        {
            _byIdentity.Remove(entry.Kept.Identity);
            _byLabels.Remove(entry.Kept.Labels);
            _store.Delete($"{Folder}/{entry.Kept.Identity.Value}");
        }

        return over.Length > 0;
    }

    /// <summary>A prefix had this number before the agent restarted.</summary>
    internal void RestoreCidr(IpPrefix prefix, Identity identity)
    {
        _cidrs[prefix.Masked] = identity;
        _prefixes[identity] = prefix.Masked;
        _lastCidr = Math.Max(_lastCidr, identity.Value & CidrNumbers);
    }

    internal Identity AddCidr(IpPrefix prefix)
    {
        do
        {
            _lastCidr = _lastCidr >= CidrNumbers ? 1 : _lastCidr + 1;
        }
        while (_prefixes.ContainsKey(Identity.ForCidr(_lastCidr)));

        RestoreCidr(prefix, Identity.ForCidr(_lastCidr));
        return Identity.ForCidr(_lastCidr);
    }

    internal void RemoveCidr(IpPrefix prefix)
    {
        if (_cidrs.Remove(prefix, out Identity identity))
        {
            _prefixes.Remove(identity);
        }
    }

    private Entry Add(LabelIdentity kept)
    {
        var entry = new Entry(kept) { UnusedSince = _time.GetUtcNow() };
        _byLabels[kept.Labels] = entry;
        _byIdentity[kept.Identity] = entry;
        _last = Math.Max(_last, kept.Identity.Value);
        return entry;
    }

    private Identity NextFree()
    {
        // Round and round, so that a number rests before it means other labels.
        do
        {
            _last = _last >= LastAllocated ? Identity.FirstAllocated : _last + 1;
        }
        while (_byIdentity.ContainsKey(new Identity(_last)));

        return new Identity(_last);
    }

    private sealed class Entry(LabelIdentity kept)
    {
        internal LabelIdentity Kept { get; } = kept;

        internal int Users { get; set; }

        internal DateTimeOffset UnusedSince { get; set; }
    }
}
