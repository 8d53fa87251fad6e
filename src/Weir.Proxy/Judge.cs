// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Datapath;
using Weir.Http.Http1;
using Weir.Http.Rules;

namespace Weir.Proxy;

/// <summary>Judges requests by the policies of both ends of their flow.</summary>
internal static class Judge
{
    /// <summary>Both ends must allow it, in each reading that a server may take.</summary>
    public static Judgement Decide<THeaders>(
        PolicySnapshot snapshot, in ProxyFlow flow, ReadOnlySpan<byte> method, ReadOnlySpan<byte> path, ReadOnlySpan<byte> host, in THeaders headers)
        where THeaders : IHeaders, allows ref struct
    {
        var judgement = DecideAsSent(snapshot, in flow, method, path, host, in headers);
        if (judgement.Verdict != AccessVerdict.Allowed || !PathReadings.MayDiffer(path))
        {
            return judgement;
        }

        if (PathReadings.Of(path) is not { } readings)
        {
            return Ambiguous("as too many others");
        }

        foreach (var reading in readings)
        {
            var other = DecideAsSent(snapshot, in flow, method, reading, host, in headers);
            if (other.Verdict != AccessVerdict.Allowed)
            {
                return Ambiguous($"as \"{Exchange.Show(reading)}\", which is not allowed");
            }

            // The bytes that go on are mended once: for who reads them otherwise as well.
            if (!other.Mended.Where(HeadEditor.Changes).ToHashSet().SetEquals(judgement.Mended.Where(HeadEditor.Changes)))
            {
                return Ambiguous($"as \"{Exchange.Show(reading)}\", whose headers another rule mends");
            }
        }

        return judgement;
    }

    /// <summary>Whether a policy of either end looks at a header of that name: in trailers, which some servers merge with
    /// the headers, it would have been judged by nobody.</summary>
    public static bool LooksAt(PolicySnapshot snapshot, in ProxyFlow flow, ReadOnlySpan<byte> name) =>
        snapshot.Find(flow.HttpEgress)?.LooksAt(name) == true || snapshot.Find(flow.HttpIngress)?.LooksAt(name) == true;

    private static Judgement Ambiguous(string how) => new(AccessVerdict.Invalid, 0, false, $"servers may read the target {how}", []);

    private static Judgement DecideAsSent<THeaders>(
        PolicySnapshot snapshot, in ProxyFlow flow, ReadOnlySpan<byte> method, ReadOnlySpan<byte> path, ReadOnlySpan<byte> host, in THeaders headers)
        where THeaders : IHeaders, allows ref struct
    {
        var result = new Judgement(AccessVerdict.Allowed, 0, false, "", []);
        if (flow.HttpEgress != 0)
        {
            result = DecideOne(snapshot, flow.HttpEgress, ingress: false, result, method, path, host, in headers);
        }

        if (flow.HttpIngress != 0 && result.Verdict == AccessVerdict.Allowed)
        {
            result = DecideOne(snapshot, flow.HttpIngress, ingress: true, result, method, path, host, in headers);
        }

        return result;
    }

    private static Judgement DecideOne<THeaders>(
        PolicySnapshot snapshot, uint policy, bool ingress, in Judgement before,
        ReadOnlySpan<byte> method, ReadOnlySpan<byte> path, ReadOnlySpan<byte> host, in THeaders headers)
        where THeaders : IHeaders, allows ref struct
    {
        if (snapshot.Find(policy) is not { } rules)
        {
            return new Judgement(AccessVerdict.Failed, 0, ingress, "the policy is not known to the proxy yet", []);
        }

        var verdict = rules.Judge(method, path, host, in headers);
        if (!verdict.Allowed)
        {
            return new Judgement(AccessVerdict.Refused, 0, ingress, "no http rule allows it", []) { Policy = policy };
        }

        if (verdict.Mismatched.Count == 0)
        {
            return before with { RuleId = verdict.RuleId, Ingress = ingress };
        }

        var words = string.Join(", ", verdict.Mismatched.Select(header => $"{header} ({header.Mismatch.ToString().ToUpperInvariant()})"));
        return new Judgement(
            AccessVerdict.Allowed,
            verdict.RuleId,
            ingress,
            before.Detail.Length > 0 ? $"{before.Detail}, {words}" : $"not as the rule wants: {words}",
            [.. before.Mended, .. verdict.Mismatched]);
    }
}
