// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf;
using Weir.Http.Patterns;
using Weir.Http.Rules;

namespace Weir.Datapath;

/// <summary>weir_http: the HTTP policies that requests are judged by on their way, each as an automaton of its own.</summary>
internal sealed class HttpPolicyTable(BpfMap outer, BpfMapSpec template)
{
    private readonly Dictionary<uint, string> _known = []; // and why there is none

    /// <summary>Which of the policies that were asked for are not there, and why.</summary>
    internal IReadOnlyDictionary<uint, string> Refused => _known.Where(policy => policy.Value.Length > 0).ToDictionary();

    /// <summary>Has these there and no others, as far as they can be. Their numbers follow from their content: what is there is not made again,
    /// but for what an earlier agent made.</summary>
    internal void Replace(IReadOnlyCollection<HttpPolicy> policies)
    {
        foreach (HttpPolicy policy in policies.Where(policy => !_known.ContainsKey(policy.Id)))
        {
            _known[policy.Id] = Put(policy);
        }

        HashSet<uint> wanted = [.. policies.Select(policy => policy.Id)];
        foreach (uint id in _known.Keys.Where(id => !wanted.Contains(id)).ToList())
        {
            _known.Remove(id);
        }

        foreach (byte[] key in Present().Where(key => !_known.TryGetValue(BitConverter.ToUInt32(key), out string? why) || why.Length > 0))
        {
            outer.Delete(key);
        }
    }

    /// <returns>Why there is none.</returns>
    private string Put(HttpPolicy policy)
    {
        HttpRuleSet rules;
        try
        {
            rules = new HttpRuleSet(policy.Allowances, policy.IsAudit);
        }
        catch (PatternException e)
        {
            return e.Message;
        }

        if (HttpTable.TryMake(rules, out string why) is not { } table)
        {
            return why;
        }

        if (Present().Count >= outer.Spec.MaxEntries)
        {
            return $"{outer.Spec.MaxEntries} policies are there already";
        }

        using BpfMap one = BpfMap.Create(template);
        one.Update(BitConverter.GetBytes(0), table);
        outer.Update(BitConverter.GetBytes(policy.Id), BitConverter.GetBytes(one.Fd));
        return "";
    }

    private List<byte[]> Present()
    {
        List<byte[]> keys = [];
        outer.ForEachBatch((found, _, count) =>
        {
            for (int i = 0; i < count; i++)
            {
                keys.Add(found.Slice(i * sizeof(uint), sizeof(uint)).ToArray());
            }
        });
        return keys;
    }
}
