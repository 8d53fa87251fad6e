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
        if (!Passes(in judgement) || !PathReadings.MayDiffer(path))
        {
            return judgement;
        }

        if (PathReadings.Of(path) is not { } readings)
        {
            return Refuses(snapshot, in flow) ? Ambiguous("as too many others") : Audited(in judgement, in judgement, "as too many others");
        }

        foreach (var reading in readings)
        {
            var other = DecideAsSent(snapshot, in flow, method, reading, host, in headers);
            if (!Passes(in other))
            {
                return Ambiguous($"as \"{Exchange.Show(reading)}\", which is not allowed");
            }

            if (other.Verdict == AccessVerdict.Audited)
            {
                judgement = Audited(in judgement, in other, $"as \"{Exchange.Show(reading)}\", which is not allowed");
            }

            // The bytes that go on are mended once: for who reads them otherwise as well.
            if (!other.Mended.Where(HeadEditor.Changes).ToHashSet().SetEquals(judgement.Mended.Where(HeadEditor.Changes)))
            {
                return Ambiguous($"as \"{Exchange.Show(reading)}\", whose headers another rule mends");
            }
        }

        return judgement;
    }

    /// <summary>Whether a policy of either end can refuse a request. Who does not know a policy yet must think so, and of no policy at
    /// all as well.</summary>
    public static bool Refuses(PolicySnapshot snapshot, in ProxyFlow flow) =>
        (flow.HttpEgress == 0 && flow.HttpIngress == 0)
        || (flow.HttpEgress != 0 && snapshot.Find(flow.HttpEgress) is not { IsAudit: true })
        || (flow.HttpIngress != 0 && snapshot.Find(flow.HttpIngress) is not { IsAudit: true });

    /// <summary>Whether a policy of either end that can refuse requests looks at a header of that name: in trailers, which some servers merge with
    /// the headers, it would have been judged by nobody.</summary>
    public static bool LooksAt(PolicySnapshot snapshot, in ProxyFlow flow, ReadOnlySpan<byte> name) =>
        (snapshot.Find(flow.HttpEgress) is { IsAudit: false } egress && egress.LooksAt(name))
        || (snapshot.Find(flow.HttpIngress) is { IsAudit: false } ingress && ingress.LooksAt(name));

    private static bool Passes(in Judgement judgement) => judgement.Verdict is AccessVerdict.Allowed or AccessVerdict.Audited;

    /// <param name="before">What was said of the target as it was sent.</param>
    /// <param name="other">What a policy in audit says of another reading.</param>
    private static Judgement Audited(in Judgement before, in Judgement other, string how) => before.Verdict == AccessVerdict.Audited
        ? before
        : before with { Verdict = AccessVerdict.Audited, RuleId = 0, Ingress = other.Ingress, Policy = 0, Detail = $"servers may read the target {how}" };

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

        if (flow.HttpIngress != 0 && Passes(in result))
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
        if (rules.IsAudit)
        {
            // The first end's, as if it had refused it; and nothing is mended.
            return before.Verdict == AccessVerdict.Audited ? before
                : verdict.Allowed ? before with { RuleId = verdict.RuleId, Ingress = ingress }
                : before with { Verdict = AccessVerdict.Audited, RuleId = 0, Ingress = ingress, Policy = policy, Detail = "no http rule would allow it" };
        }

        if (!verdict.Allowed)
        {
            return new Judgement(AccessVerdict.Refused, 0, ingress, "no http rule allows it", []) { Policy = policy };
        }

        if (verdict.Mismatched.Count == 0)
        {
            return before.Verdict == AccessVerdict.Audited ? before : before with { RuleId = verdict.RuleId, Ingress = ingress };
        }

        var words = string.Join(", ", verdict.Mismatched.Select(header => $"{header} ({header.Mismatch.ToString().ToUpperInvariant()})"));
        return new Judgement(
            before.Verdict,
            before.Verdict == AccessVerdict.Audited ? before.RuleId : verdict.RuleId,
            before.Verdict == AccessVerdict.Audited ? before.Ingress : ingress,
            before.Detail.Length > 0 ? $"{before.Detail}, {words}" : $"not as the rule wants: {words}",
            [.. before.Mended, .. verdict.Mismatched]) { Policy = before.Policy };
    }
}
