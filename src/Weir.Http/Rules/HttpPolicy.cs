// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Weir.Http.Rules;

/// <summary>
/// All that one peer may ask of one port, as rules say it. Equal policies have one number on every host
/// and after every restart, since it follows from what is in them: the datapath, the proxy and the agent
/// mean the same by it without asking one another.
/// </summary>
public sealed class HttpPolicy : IEquatable<HttpPolicy>
{
    private readonly UInt128 _digest;

    /// <param name="allowances">The first that allows a request is named.</param>
    /// <param name="isAudit">Nothing is refused by it: what it does not allow is told.</param>
    public HttpPolicy(IReadOnlyList<HttpAllowance> allowances, bool isAudit = false)
    {
        ArgumentNullException.ThrowIfNull(allowances);
        Allowances = allowances;
        IsAudit = isAudit;
        Text = (isAudit ? "audit;" : "") + string.Concat(allowances.Select(Canonical));
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes(Text));
        _digest = BinaryPrimitives.ReadUInt128BigEndian(digest);
    }

    public IReadOnlyList<HttpAllowance> Allowances { get; }

    /// <summary>Nothing is refused by it: what it does not allow is told.</summary>
    public bool IsAudit { get; }

    /// <summary>Whether some rule allows the port without looking at requests.</summary>
    public bool AllowsAll => Allowances.Any(allowance => allowance.Rule is null);

    /// <summary>Equal for equal policies, whatever is in their rules.</summary>
    public string Text { get; }

    /// <summary>The number, never 0.</summary>
    public uint Id => (uint)_digest is var id and not 0 ? id : 1;

    /// <summary>The same, refusing nothing.</summary>
    public HttpPolicy InAudit() => new(Allowances, isAudit: true);

    public bool Equals(HttpPolicy? other) => other is not null && _digest == other._digest;

    public override bool Equals(object? obj) => Equals(obj as HttpPolicy);

    public override int GetHashCode() => (int)(uint)_digest;

    /// <summary>"GET /public, PUT /x and 3 more".</summary>
    public override string ToString() => ToString(3);

    /// <param name="most">How many rules to name.</param>
    public string ToString(int most)
    {
        string[] rules = [.. Allowances.Select(allowance => (allowance.Rule ?? HttpRule.Any).ToString()).Distinct()];
        return string.Join(", ", rules.Take(most)) + (rules.Length > most ? $" and {rules.Length - most} more" : "");
    }

    /// <summary>Equal for what means the same.</summary>
    internal static string Canonical(HttpAllowance allowance)
    {
        var text = new StringBuilder().Append(allowance.RuleId);
        if (allowance.Rule is { } rule)
        {
            Add(text, rule.Method);
            Add(text, rule.Path);
            Add(text, rule.Host);
            foreach (var header in rule.Headers)
            {
                Add(text.Append((int)header.Mismatch), header.Name);
                Add(text, header.Value);
            }
        }

        return text.Append(';').ToString();
    }

    /// <summary>With its length, so that nothing in it can look like something else.</summary>
    private static void Add(StringBuilder text, string? value) => text.Append(',').Append(value?.Length ?? -1).Append(':').Append(value);
}
