// SPDX-License-Identifier: Apache-2.0

using Weir.Services;
using Xunit;

namespace Weir.Control.Tests;

public sealed class ServiceUpdateTests
{
    private static readonly ServiceSpec _shop = new()
    {
        Name = "shop",
        Frontends = [Frontend.Parse("203.0.113.10:80/tcp")],
        Backends = [BackendSpec.Parse("10.0.0.1:80")],
        Mode = ServiceMode.Dsr,
        AffinitySeconds = 60,
        HealthCheck = HealthCheck.Parse("tcp"),
    };

    [Fact]
    public void Apply_NothingGiven_ChangesNothing() => Assert.Equal(_shop, new ServiceUpdate { Name = "shop" }.Apply(_shop));

    [Fact]
    public void Apply_Backends_LeavesTheRest()
    {
        ServiceSpec changed = new ServiceUpdate { Name = "shop", Backends = ["10.0.0.2:80/w=3"] }.Apply(_shop);
        Assert.Equal([BackendSpec.Parse("10.0.0.2:80/w=3")], changed.Backends);
        Assert.Equal((_shop.Frontends, ServiceMode.Dsr, 60), (changed.Frontends, changed.Mode, changed.AffinitySeconds));
    }

    [Fact]
    public void Apply_NoneAndZero_TakeAway()
    {
        ServiceSpec changed = new ServiceUpdate { Name = "shop", NoBackends = true, HealthCheck = "none", Affinity = "0" }.Apply(_shop);
        Assert.Empty(changed.Backends);
        Assert.Null(changed.HealthCheck);
        Assert.Equal(0, changed.AffinitySeconds);
    }

    [Theory]
    [InlineData("90s", 90)]
    [InlineData("10m", 600)]
    [InlineData("3h", 10800)]
    [InlineData("7d", 604800)]
    [InlineData("1h30m", 5400)]
    [InlineData("off", 0)]
    public void Apply_Affinity_IsATime(string text, int seconds) =>
        Assert.Equal(seconds, new ServiceUpdate { Name = "shop", Affinity = text }.Apply(_shop).AffinitySeconds);

    [Theory]
    [InlineData("affinity", "8d")]
    [InlineData("affinity", "90")]
    [InlineData("affinity", "h")]
    [InlineData("affinity", "-1")]
    [InlineData("affinity", "99999999999999h")]
    [InlineData("mode", "snta")]
    [InlineData("health", "tpc")]
    [InlineData("backend", "10.0.0.1")]
    [InlineData("frontend", "10.0.0.1:80/icmp")]
    public void Apply_Nonsense_IsRefused(string what, string text)
    {
        var update = new ServiceUpdate
        {
            Name = "shop",
            Affinity = what == "affinity" ? text : "",
            Mode = what == "mode" ? text : "",
            HealthCheck = what == "health" ? text : "",
            Backends = what == "backend" ? [text] : [],
            Frontends = what == "frontend" ? [text] : [],
        };
        Assert.Contains(text, Assert.Throws<ControlException>(() => update.Apply(_shop)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Apply_NewWithoutFrontend_SaysWhatIsMissing() =>
        Assert.Contains("--frontend", Assert.Throws<ControlException>(() => new ServiceUpdate { Name = "x", Backends = ["10.0.0.1:80"] }.Apply(null)).Message, StringComparison.Ordinal);
}
