// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Bpf.Btf;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Policy;

namespace Weir.Datapath;

/// <summary>weir_policy: a map of decisions for every endpoint, built whole and swapped in.</summary>
internal sealed class PolicyTable(BpfMap outer, BpfMapSpec template, LoadedTypes types)
{
    private const uint AnyProtocol = 40;
    private const uint AnyPort = 48;

    /// <summary>Builds the new maps, then puts them all in place by one call.</summary>
    internal void Replace(IReadOnlyDictionary<ushort, IReadOnlyList<PolicyMapEntry>> policies)
    {
        if (policies.Count == 0)
        {
            return;
        }

        // Endpoints that were given the very same list share one map.
        var built = new Dictionary<IReadOnlyList<PolicyMapEntry>, BpfMap>(ReferenceEqualityComparer.Instance);
        try
        {
            uint[] slots = new uint[policies.Count];
            int[] maps = new int[policies.Count];
            int i = 0;
            foreach ((ushort id, IReadOnlyList<PolicyMapEntry> entries) in policies)
            {
                if (!built.TryGetValue(entries, out BpfMap? inner))
                {
                    inner = Build(entries);
                    built.Add(entries, inner);
                }

                slots[i] = id;
                maps[i++] = inner.Fd;
            }

            void Swap() => outer.UpdateBatch(MemoryMarshal.AsBytes<uint>(slots), MemoryMarshal.AsBytes<int>(maps), slots.Length);
            if (slots.Length == 1 && !IsPresent(slots[0]))
            {
                WithoutGracePeriod(Swap, slots[0], present: true);
            }
            else
            {
                Swap();
            }
        }
        finally
        {
            foreach (BpfMap inner in built.Values)
            {
                inner.Dispose();
            }
        }
    }

    /// <summary>Takes an endpoint's decisions away: all is denied.</summary>
    internal void Remove(ushort id)
    {
        if (IsPresent(id))
        {
            byte[] slot = Slot(id);
            WithoutGracePeriod(() => outer.Delete(slot), id, present: false);
        }
    }

    internal IReadOnlyList<PolicyMapEntry> List(ushort id)
    {
        using BpfMap? inner = TryOpen(id);
        if (inner is null)
        {
            return [];
        }

        Dictionary<PolicyKey, PolicyMapEntry> entries = [];
        foreach ((PolicyKey key, PolicyEntry value) in new BpfMap<PolicyKey, PolicyEntry>(inner).ToList())
        {
            entries[key] = new PolicyMapEntry(
                key.Identity,
                (PolicyDirection)key.Direction,
                key.PrefixLen < AnyPort ? null : key.Protocol,
                (ushort)key.Port,
                key.PrefixLen < AnyPort ? (byte)0 : (byte)(key.PrefixLen - AnyPort),
                value.Verdict != Verdict.Deny,
                value.RuleId,
                value.HttpPolicy,
                value.Flags.HasFlag(PolicyFlag.ProxyAudit),
                value.Flags.HasFlag(PolicyFlag.Audit) ? new AuditRefusal(value.AuditRule != 0, value.AuditRule) : null);
        }

        return [.. entries.Values.OrderBy(e => e.Direction).ThenBy(e => e.Identity).ThenBy(e => e.Protocol).ThenBy(e => e.Port)];
    }

    private BpfMap? TryOpen(uint id)
    {
        uint mapId = 0;
        return outer.TryLookup(Slot(id), MemoryMarshal.AsBytes(new Span<uint>(ref mapId))) ? BpfMap.OpenById(mapId) : null;
    }

    private bool IsPresent(uint id)
    {
        Span<byte> mapId = stackalloc byte[sizeof(uint)];
        return outer.TryLookup(Slot(id), mapId);
    }

    private static byte[] Slot(uint id) => BitConverter.GetBytes(id);

    /// <summary>After a change of a map of maps the kernel lets the caller wait, some ten milliseconds, until no
    /// program can use what was there before. Where nothing was there, or its endpoint is gone, that wait is a
    /// container's start-up time for nothing: it is enough to see that the change is made.</summary>
    private void WithoutGracePeriod(Action change, uint id, bool present)
    {
        var pending = new TaskCompletionSource();

        // Not one of the pool's threads: all of them may be waiting for the change that waits here.
        GuardedThread.Once(
            "policy",
            () =>
            {
                change();
                pending.SetResult();
            },
            pending.SetException).Start();
        var spin = default(SpinWait);
        while (!pending.Task.IsCompleted && IsPresent(id) != present)
        {
            spin.SpinOnce();
        }

        if (pending.Task.IsCompleted)
        {
            pending.Task.GetAwaiter().GetResult();
        }
    }

    private BpfMap Build(IReadOnlyList<PolicyMapEntry> entries)
    {
        BpfMap map = BpfMap.Create(template with { MaxEntries = (uint)Math.Max(1, entries.Count) }, types);
        try
        {
            var keys = new PolicyKey[entries.Count];
            var values = new PolicyEntry[entries.Count];
            for (int i = 0; i < keys.Length; i++)
            {
                PolicyMapEntry entry = entries[i];
                keys[i] = new PolicyKey
                {
                    PrefixLen = entry.Protocol is null ? AnyProtocol : AnyPort + entry.PortPrefixLength,
                    Identity = entry.Identity,
                    Direction = (Direction)entry.Direction,
                    Protocol = entry.Protocol ?? 0,
                    Port = entry.Port,
                };
                values[i] = new PolicyEntry
                {
                    RuleId = entry.RuleId,
                    Verdict = !entry.Allow ? Verdict.Deny : entry.HttpPolicyId != 0 ? Verdict.Proxy : Verdict.Allow,
                    HttpPolicy = entry.HttpPolicyId,
                    Flags = (entry.Audited is null ? 0 : PolicyFlag.Audit) | (entry.HttpIsAudit ? PolicyFlag.ProxyAudit : 0),
                    AuditRule = entry.Audited?.RuleId ?? 0,
                };
            }

            new BpfMap<PolicyKey, PolicyEntry>(map).SetMany(keys, values);
            return map;
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }
}
