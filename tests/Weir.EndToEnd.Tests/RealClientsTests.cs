// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.EndToEnd.Tests.Machine;
using Weir.EndToEnd.Tests.RealClients;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Real clients at real servers get through Weir what they get directly, to the byte.</summary>
[Collection(RealClientsHost.Name)]
public sealed class RealClientsTests(Lab lab) : IClassFixture<Lab>
{
    public static TheoryData<string> Names() => [.. Scenarios.All.Keys];

    [PrivilegedTheory]
    [MemberData(nameof(Names))]
    public async Task Client_GetsTheSame_ByBothWays(string scenario)
    {
        Scenario tried = Scenarios.All[scenario];
        Task<string> first = Task.Run(() => tried.Run(lab, Way.Directly)), second = Task.Run(() => tried.Run(lab, Way.ThroughWeir));
        (string directly, string through) = (await first, await second);
        Assert.True(directly.Contains(tried.Expect, StringComparison.Ordinal), $"not even directly:\n{directly}");
        for (int again = 0; directly != through && again < 3; again++)
        {
            // Servers have moods of their own on a busy machine: what one says now and then directly, it may say through Weir.
            directly = await Task.Run(() => tried.Run(lab, Way.Directly));
        }

        Assert.True(directly == through, Differences(directly, through));
        Assert.True(lab.HasJudgedMore(), "no request has been judged");
    }

    public static TheoryData<string> Refused() => [.. Refusals.All.Keys];

    [PrivilegedTheory]
    [MemberData(nameof(Refused))]
    public void Client_ShowsTheRefusal_OfEachRequest(string client)
    {
        Refusal refusal = Refusals.All[client];
        string told = refusal.Ask(lab);
        string[] steps = told.Split("== ");
        Assert.All(steps.Length > 1 ? steps[1..] : steps, step => Assert.True(step.Contains(refusal.Shows, StringComparison.Ordinal), step));
        Assert.True(told.Contains(refusal.Says, StringComparison.Ordinal), told);
    }

    /// <summary>Otherwise the others would compare Weir with itself.</summary>
    [PrivilegedFact]
    public void DirectWay_LeadsPastTheProxy()
    {
        lab.HasJudgedMore();
        Assert.Contains("200", lab.Run(Way.Directly, "curl", "-sS", "-i", "http://{A}:8001/"), StringComparison.Ordinal);
        Assert.False(lab.HasJudgedMore());
        Assert.Contains("200", lab.Run(Way.ThroughWeir, "curl", "-sS", "-i", "http://{A}:8001/"), StringComparison.Ordinal);
        Assert.True(lab.HasJudgedMore());
    }

    /// <summary>The lines that differ, beneath the step they belong to: none if only their order does.</summary>
    private static string Differences(string directly, string through)
    {
        StringBuilder text = new();
        Dictionary<string, string> before = Steps(directly), after = Steps(through);
        foreach (string step in before.Keys.Union(after.Keys).Where(step => before.GetValueOrDefault(step, "") != after.GetValueOrDefault(step, "")))
        {
            string[] left = before.GetValueOrDefault(step, "").Split('\n'), right = after.GetValueOrDefault(step, "").Split('\n');
            text.Append($"{step}\n  directly:\n    {string.Join("\n    ", left.Except(right))}\n  through Weir:\n    {string.Join("\n    ", right.Except(left))}\n");
        }

        return text.ToString();
    }

    private static Dictionary<string, string> Steps(string text) =>
        text.Split("== ").Select((step, i) => (Name: $"{i}: {step.Split('\n')[0]}", Text: step)).ToDictionary(step => step.Name, step => step.Text);
}
