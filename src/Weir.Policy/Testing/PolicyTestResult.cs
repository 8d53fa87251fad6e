// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Testing;

/// <summary>What became of a test.</summary>
/// <param name="Got">The answer; of several peers or ports the first that is not as expected.</param>
/// <param name="At">Whom and which port <paramref name="Got"/> is about, where the test means several; else empty.</param>
/// <param name="Fault">Why it failed, where the answer itself is as expected: another rule gave it. Else empty.</param>
/// <param name="Explanation">The judgement of both ends.</param>
public sealed record PolicyTestResult(PolicyTest Test, bool Passed, TestAnswer Got, string At, string Fault, Explanation Explanation)
{
    /// <summary>What both ends say, those first that decided.</summary>
    public IReadOnlyList<string> Why { get; } =
    [
        .. new[] { Explanation.Egress, Explanation.Ingress }
            .OrderBy(end => end.Allowed == Explanation.Allowed ? 0 : 1)
            .Select(end => end.Text),
    ];

    /// <summary>"allowed", "denied", "403" or "audited".</summary>
    public static string Describe(TestAnswer answer) => answer switch
    {
        TestAnswer.Allowed => "allowed",
        TestAnswer.Forbidden => "403",
        TestAnswer.Audited => "audited",
        _ => "denied",
    };
}
