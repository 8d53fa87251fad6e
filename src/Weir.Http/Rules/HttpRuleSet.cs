// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Patterns;

namespace Weir.Http.Rules;

/// <summary>
/// All that one peer may ask of one port, compiled: method, path and host are each read once, whatever
/// the number of rules. Immutable.
/// </summary>
public sealed class HttpRuleSet
{
    /// <summary>Rules of one set.</summary>
    public const int MostRules = 4096;

    private static readonly List<HeaderRule> _none = [];

    private readonly HttpAllowance[] _rules;
    private readonly byte[][][] _headerNames;
    private readonly byte[][] _headersLookedAt;
    private readonly PatternSet _methods;
    private readonly PatternSet _paths;
    private readonly PatternSet _hosts;

    /// <param name="allowances">The first that allows a request is named.</param>
    /// <exception cref="PatternException">There are too many, or a pattern cannot be used.</exception>
    /// <param name="isAudit">As of <see cref="HttpPolicy.IsAudit"/>.</param>
    public HttpRuleSet(IReadOnlyList<HttpAllowance> allowances, bool isAudit = false)
    {
        IsAudit = isAudit;
        ArgumentNullException.ThrowIfNull(allowances);
        if (allowances.Count > MostRules)
        {
            throw new PatternException($"{allowances.Count} http rules hold for one peer and port; {MostRules} are allowed");
        }

        _rules = [.. allowances];
        _methods = new PatternSet([.. allowances.Select(allowance => allowance.Rule?.Method)]);
        _paths = new PatternSet([.. allowances.Select(allowance => allowance.Rule?.Path)]);
        _hosts = new PatternSet([.. allowances.Select(allowance => allowance.Rule?.Host)], ignoreCase: true);
        _headerNames = [.. allowances.Select(allowance => allowance.Rule?.Headers.Select(header => Encoding.ASCII.GetBytes(header.Name)).ToArray() ?? [])];
        _headersLookedAt = [.. allowances.SelectMany(allowance => allowance.Rule?.Headers ?? []).Select(header => header.Name)
            .Distinct(StringComparer.OrdinalIgnoreCase).Select(Encoding.ASCII.GetBytes)];
    }

    public IReadOnlyList<HttpAllowance> Rules => _rules;

    /// <summary>Nothing is refused by it: what it does not allow is told.</summary>
    public bool IsAudit { get; }

    /// <summary>States of the automata, for figures.</summary>
    public int StateCount => _methods.StateCount + _paths.StateCount + _hosts.StateCount;

    /// <summary>Of each rule the method that it wants.</summary>
    internal PatternSet Methods => _methods;

    /// <summary>Likewise the path.</summary>
    internal PatternSet Paths => _paths;

    /// <summary>Likewise the host.</summary>
    internal PatternSet Hosts => _hosts;

    /// <summary>Whether some rule looks at a header of that name.</summary>
    public bool LooksAt(ReadOnlySpan<byte> name)
    {
        foreach (var known in _headersLookedAt)
        {
            if (Ascii.EqualsIgnoreCase(name, known))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Judges a request. Path and host are taken as they were sent.</summary>
    public HttpVerdict Judge<THeaders>(ReadOnlySpan<byte> method, ReadOnlySpan<byte> path, ReadOnlySpan<byte> host, in THeaders headers)
        where THeaders : IHeaders, allows ref struct
    {
        Span<ulong> left = stackalloc ulong[_methods.Words];
        left.Fill(ulong.MaxValue);
        if (!_methods.Narrow(method, left) || !_paths.Narrow(path, left) || !NarrowByHost(host, left))
        {
            return HttpVerdict.Refused;
        }

        for (var word = 0; word < left.Length; word++)
        {
            for (var bits = left[word]; bits != 0; bits &= bits - 1)
            {
                var index = (word << 6) + System.Numerics.BitOperations.TrailingZeroCount(bits);
                if (index < _rules.Length && FulfilsHeaders(index, in headers) is { } mismatched)
                {
                    return new HttpVerdict(true, _rules[index].RuleId, mismatched);
                }
            }
        }

        return HttpVerdict.Refused;
    }

    /// <summary>A host is matched as it was sent, and also without its port.</summary>
    private bool NarrowByHost(ReadOnlySpan<byte> host, Span<ulong> left)
    {
        var colon = host.LastIndexOf((byte)':');
        if (colon < 0 || host[colon..].Contains((byte)']'))
        {
            return _hosts.Narrow(host, left);
        }

        Span<ulong> without = stackalloc ulong[left.Length];
        left.CopyTo(without);
        _hosts.Narrow(host, left);
        _hosts.Narrow(host[..colon], without);
        ulong any = 0;
        for (var i = 0; i < left.Length; i++)
        {
            any |= left[i] |= without[i];
        }

        return any != 0;
    }

    /// <returns>Null: they are not as the rule wants them; else those that are to be logged or mended.</returns>
    private List<HeaderRule>? FulfilsHeaders<THeaders>(int index, in THeaders headers)
        where THeaders : IHeaders, allows ref struct
    {
        if (_rules[index].Rule is not { Headers.Count: > 0 } rule)
        {
            return _none;
        }

        List<HeaderRule>? mismatched = null;
        for (var i = 0; i < rule.Headers.Count; i++)
        {
            if (Holds(rule.Headers[i], _headerNames[index][i], in headers))
            {
                continue;
            }

            if (rule.Headers[i].Mismatch == HeaderMismatch.Refuse)
            {
                return null;
            }

            (mismatched ??= []).Add(rule.Headers[i]);
        }

        return mismatched ?? _none;
    }

    /// <summary>A header that is there several times holds only if every value does: nobody knows which one the server takes.</summary>
    private static bool Holds<THeaders>(HeaderRule wanted, byte[] name, in THeaders headers)
        where THeaders : IHeaders, allows ref struct
    {
        var found = false;
        for (var i = 0; i < headers.Count; i++)
        {
            if (!Ascii.EqualsIgnoreCase(headers.Name(i), name))
            {
                continue;
            }

            if (wanted.Value is not null && !Utf8Equals(headers.Value(i), wanted.Value))
            {
                return false;
            }

            found = true;
        }

        return found;
    }

    private static bool Utf8Equals(ReadOnlySpan<byte> value, string wanted) =>
        value.Length == Encoding.UTF8.GetByteCount(wanted) && Encoding.UTF8.GetString(value) == wanted;
}
