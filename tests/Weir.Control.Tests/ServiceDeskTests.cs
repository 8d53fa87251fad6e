// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.Control.Tests;

public sealed class ServiceDeskTests
{
    private static readonly BalancedDevice _served = new("eth0", 2, "xdp native", IsServed: true, IsSettled: true);
    private static readonly BalancedDevice _lost = new("eth1", 3, "not served: no memory", IsServed: false, IsSettled: false);

    [Fact]
    public void WhereNothingIsServed_NoDeviceIsMissed() => Assert.Empty(ServiceDesk.WarningsOf(areServed: false, [], "the hook is broken"));

    [Fact]
    public void WhatKeepsClientsFromServices_IsSaid()
    {
        Assert.Empty(ServiceDesk.WarningsOf(areServed: true, [_served], null));
        Assert.Contains("no device serves", Assert.Single(ServiceDesk.WarningsOf(areServed: true, [], null)), StringComparison.Ordinal);
        Assert.Equal(
            ["clients of services that come by device eth1: not served: no memory (set 'devices' to those that should)", "the hook is broken"],
            ServiceDesk.WarningsOf(areServed: true, [_served, _lost], "the hook is broken"));
    }
}
