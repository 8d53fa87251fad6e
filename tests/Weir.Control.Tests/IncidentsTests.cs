// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Control.Watch;
using Xunit;

namespace Weir.Control.Tests;

public sealed class IncidentsTests
{
    private readonly ManualTime _time = new();
    private readonly Incidents _incidents;

    public IncidentsTests() => _incidents = new Incidents(_time, NullLogger.Instance);

    [Fact]
    public void PutBackOnce_IsTold_ButDegradesNothing()
    {
        _incidents.Add([(Of("route", "route a"), null), (Of("route", "route b"), null), (Of("rule", "rule 9"), null)]);

        Assert.Equal(["route a was taken away, and 1 more of its kind, and put back", "rule 9 was taken away and put back"], _incidents.Open.Select(one => one.ToString()));
        Assert.DoesNotContain(_incidents.Open, one => one.IsDegraded);
        Assert.Equal([("route", 2L), ("rule", 1L)], _incidents.Mended);
    }

    [Fact]
    public void Quiet_ForAMinute_EndsIt()
    {
        _incidents.Add([(Of("rule", "rule 9"), null)]);
        _time.Pass(TimeSpan.FromSeconds(59));
        _incidents.Add([]);
        Assert.Single(_incidents.Open);
        _time.Pass(TimeSpan.FromSeconds(2));
        _incidents.Add([]);

        Assert.Empty(_incidents.Open);
        Assert.Equal([("rule", 1L)], _incidents.Mended);
    }

    [Fact]
    public void CannotBePutBack_IsDegraded_WithItsEndpoint_UntilItIsWhole()
    {
        _incidents.Add([(Of("program", "policy at weir1") with { Endpoint = 7 }, "no memory")]);
        Assert.Equal("policy at weir1 is not as it should be: no memory", _incidents.LackOf(7));
        Assert.True(Assert.Single(_incidents.Open).IsDegraded);
        Assert.Empty(_incidents.Mended);

        _incidents.Add([]);

        Assert.Null(_incidents.LackOf(7));
        Assert.False(Assert.Single(_incidents.Open).IsDegraded);
    }

    [Fact]
    public void TheSameThingAgainAndAgain_IsAFight_DifferentThingsAreNot()
    {
        for (int i = 0; i < 10; i++)
        {
            _incidents.Add([(Of("route", $"route {i}"), null), (Of("rule", "rule 9"), null)]);
        }

        Assert.Equal(["rule"], _incidents.Open.Where(one => one.IsDegraded).Select(one => one.Kind));
        Assert.Contains("rule 9 is taken away again and again (10 times since", _incidents.Open.Single(one => one.IsFight).ToString(), StringComparison.Ordinal);
    }

    private static Expectation Of(string kind, string what) => new(kind, what, _ => false, () => { });
}
