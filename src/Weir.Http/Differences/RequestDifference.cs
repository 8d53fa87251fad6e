// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Rules;

namespace Weir.Http.Differences;

/// <summary>
/// Which requests one state of policy allows and the other does not, proved over all requests: the automata of both are
/// walked together, and each set of rules that a method, a path, a host or headers can fulfil is combined with each other.
/// </summary>
public sealed class RequestDifference
{
    private const long MostCombinations = 20_000_000;
    private const int MostRefuted = 200;

    private readonly Func<RequestExample, (bool Before, bool After)?> _judge;
    private ulong[][] _before = [];
    private ulong[][] _after = [];
    private long _combinations;
    private int _openedRefuted;
    private int _closedRefuted;

    private RequestDifference(Func<RequestExample, (bool Before, bool After)?> judge) => _judge = judge;

    /// <summary>A short request that passes only afterwards; null: there is none.</summary>
    public RequestExample? Opened { get; private set; }

    /// <summary>A short request that passed only before; null: there is none.</summary>
    public RequestExample? Closed { get; private set; }

    /// <summary>Why there may be others; empty: all are compared.</summary>
    public string Unproved { get; private set; } = "";

    /// <summary>Compares policies; of several all must allow a request, and where there is none everything passes.</summary>
    /// <param name="judge">What becomes of a request indeed; null: it is none.</param>
    public static RequestDifference Find(
        IReadOnlyList<HttpPolicy> before, IReadOnlyList<HttpPolicy> after, Func<RequestExample, (bool Before, bool After)?> judge)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        var difference = new RequestDifference(judge);
        difference.Run(before, after);
        return difference;
    }

    private bool IsDone => (Opened is not null && Closed is not null) || _openedRefuted + _closedRefuted > MostRefuted || _combinations > MostCombinations;

    private void Run(IReadOnlyList<HttpPolicy> before, IReadOnlyList<HttpPolicy> after)
    {
        var fault = Run(before, after, new HashSet<string>(StringComparer.Ordinal));
        if (fault.Length > 0 && !IsDone)
        {
            // What rules allow that all policies have is no difference: without them there are more candidates, which the
            // judge refutes, and never fewer.
            var common = before.Concat(after).Select(policy => policy.Allowances.Select(KeyOf).ToHashSet(StringComparer.Ordinal)).Aggregate((one, other) => [.. one.Intersect(other)]);
            fault = common.Count == 0 ? fault : Run(before, after, common);
        }

        Conclude(fault);
    }

    /// <returns>Why not all is compared; empty: it is.</returns>
    private string Run(IReadOnlyList<HttpPolicy> before, IReadOnlyList<HttpPolicy> after, HashSet<string> without)
    {
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        var rules = new List<HttpRule>();
        _before = [.. before.Select(policy => Number(policy, without, numbers, rules))];
        _after = [.. after.Select(policy => Number(policy, without, numbers, rules))];
        var words = (rules.Count + 63) / 64;
        _before = [.. _before.Select(mask => Resize(mask, words))];
        _after = [.. _after.Select(mask => Resize(mask, words))];

        var parts = new RuleParts(rules);
        var headers = parts.Headers();
        var hosts = parts.Hosts();
        List<(ulong[] Mask, string Text)> methods = [.. parts.Methods().Select(method => (method.Mask, Encoding.ASCII.GetString(method.Text)))];
        var paths = parts.Paths();
        if (parts.Fault.Length == 0)
        {
            Combine(paths, hosts, headers, methods);
            Combine([new RulePart(parts.MaskOfPath("*"), "*"u8.ToArray())], hosts, headers, [(parts.MaskOfMethod("OPTIONS"), "OPTIONS")]);
            Combine(parts.Authorities(), null, headers, [(parts.MaskOfMethod("CONNECT"), "CONNECT")]);
        }

        return parts.Fault;
    }

    private void Conclude(string fault)
    {
        if (Opened is not null && Closed is not null)
        {
            return; // that it changes both ways is all there is to prove
        }

        Unproved = fault.Length > 0 ? fault
            : _combinations > MostCombinations ? "there are too many combinations of rules to compare them all"
            : (Opened is null && _openedRefuted > 0) || (Closed is null && _closedRefuted > 0) ? "rules on requests differ, and no request was found that is judged otherwise"
            : "";
    }

    /// <param name="hosts">Null: the path is the host as well.</param>
    private void Combine(
        List<RulePart> paths, List<RulePart>? hosts, List<(ulong[] Mask, IReadOnlyList<string> Headers)> headers, List<(ulong[] Mask, string Text)> methods)
    {
        var mask = new ulong[headers[0].Mask.Length];
        foreach (var path in paths)
        {
            foreach (var host in hosts ?? [path])
            {
                foreach (var header in headers)
                {
                    foreach (var method in methods)
                    {
                        if (IsDone)
                        {
                            return;
                        }

                        _combinations += Math.Max(1, mask.Length);
                        for (var i = 0; i < mask.Length; i++)
                        {
                            mask[i] = path.Mask[i] & host.Mask[i] & header.Mask[i] & method.Mask[i];
                        }

                        var (before, after) = (Allows(_before, mask), Allows(_after, mask));
                        if (before != after && (after ? Opened : Closed) is null)
                        {
                            Show(method.Text, path.Text, host.Text, header.Headers, isOpened: after);
                        }
                    }
                }
            }
        }
    }

    /// <summary>Makes the request, and has it judged: what is between rules and verdict is the judge's.</summary>
    private void Show(string method, byte[] path, byte[] host, IReadOnlyList<string> headers, bool isOpened)
    {
        if (Read(path) is not { } pathText
            || new RequestExample(method, pathText, Encoding.ASCII.GetString(host), headers) is var example && _judge(example) is not var (before, after)
            || before == after)
        {
            _openedRefuted += isOpened ? 1 : 0;
            _closedRefuted += isOpened ? 0 : 1;
            return;
        }

        if (after)
        {
            Opened ??= example;
        }
        else
        {
            Closed ??= example;
        }
    }

    /// <summary>Null: it is no UTF-8, and nobody could write it down.</summary>
    private static string? Read(byte[] text)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(text);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    private static bool Allows(ulong[][] policies, ulong[] fulfilled)
    {
        foreach (var policy in policies)
        {
            ulong any = 0;
            for (var i = 0; i < fulfilled.Length; i++)
            {
                any |= policy[i] & fulfilled[i];
            }

            if (any == 0)
            {
                return false;
            }
        }

        return true;
    }

    private static ulong[] Number(HttpPolicy policy, HashSet<string> without, Dictionary<string, int> numbers, List<HttpRule> rules)
    {
        var mask = new List<ulong>();
        foreach (var allowance in policy.Allowances)
        {
            var rule = allowance.Rule ?? HttpRule.Any;
            var key = KeyOf(allowance);
            if (without.Contains(key))
            {
                continue;
            }

            if (!numbers.TryGetValue(key, out var number))
            {
                number = rules.Count;
                numbers.Add(key, number);
                rules.Add(rule);
            }

            while (mask.Count <= number >> 6)
            {
                mask.Add(0);
            }

            mask[number >> 6] |= 1UL << (number & 63);
        }

        return [.. mask];
    }

    private static string KeyOf(HttpAllowance allowance) => HttpPolicy.Canonical(new HttpAllowance(0, allowance.Rule ?? HttpRule.Any));

    private static ulong[] Resize(ulong[] mask, int words)
    {
        Array.Resize(ref mask, words);
        return mask;
    }
}
