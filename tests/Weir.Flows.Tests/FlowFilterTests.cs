// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Xunit;

namespace Weir.Flows.Tests;

public sealed class FlowFilterTests
{
    private static Flow WebToApi => new()
    {
        Type = FlowType.Drop,
        Source = new FlowEnd { Ip = "10.0.0.2", Port = 40000, Name = "web", EndpointId = 1, Identity = 256, Labels = { "container:role=web", "container:app=shop" } },
        Destination = new FlowEnd { Ip = "10.0.0.3", Port = 80, Name = "api", EndpointId = 2, Identity = 257, Labels = { "container:role=api" } },
    };

    [Fact]
    public void NoCondition_TakesDropsAndVerdicts_NotTraces()
    {
        var filter = new FlowFilter(new MonitorRequest());
        Assert.True(filter.Matches(WebToApi));
        Assert.True(filter.Wants(FlowType.Verdict));
        Assert.False(filter.Wants(FlowType.Trace));
    }

    [Theory]
    [InlineData("web", true)]
    [InlineData("1", true)]
    [InlineData("10.0.0.2", true)]
    [InlineData("10.0.0.0/24", true)]
    [InlineData("role=web", true)]
    [InlineData("container:role=web,app=shop", true)]
    [InlineData("k8s:role=web", true)]
    [InlineData("k8s:role=api", false)]
    [InlineData("role=web,app=blog", false)]
    [InlineData("api", false)]
    [InlineData("2", false)]
    [InlineData("10.0.1.0/24", false)]
    [InlineData("fd00::/8", false)]
    [InlineData("world", false)]
    public void From_IsTheSource(string from, bool matches) =>
        Assert.Equal(matches, new FlowFilter(new MonitorRequest { From = { from } }).Matches(WebToApi));

    [Fact]
    public void Name_CanBeOfAServiceOfCompose()
    {
        Flow flow = WebToApi;
        flow.Source.Labels.Add("container:com.docker.compose.service=shop");
        Assert.True(new FlowFilter(new MonitorRequest { From = { "shop" } }).Matches(flow));
        Assert.False(new FlowFilter(new MonitorRequest { To = { "shop" } }).Matches(flow));
    }

    [Theory]
    [InlineData("web", true)]
    [InlineData("api", true)]
    [InlineData("other", false)]
    public void RelatedTo_IsEitherEnd(string end, bool matches) =>
        Assert.Equal(matches, new FlowFilter(new MonitorRequest { RelatedTo = { end } }).Matches(WebToApi));

    [Fact]
    public void SeveralOfOneKind_AreAlternatives_KindsMustAllHold()
    {
        Assert.True(new FlowFilter(new MonitorRequest { From = { "nobody", "web" } }).Matches(WebToApi));
        Assert.False(new FlowFilter(new MonitorRequest { From = { "web" }, To = { "nobody" } }).Matches(WebToApi));
    }

    [Fact]
    public void Port_IsTheServices_InBothDirections()
    {
        var filter = new FlowFilter(new MonitorRequest { Ports = { 80 } });
        Assert.True(filter.Matches(WebToApi));
        Flow reply = new() { Type = FlowType.Drop, Reply = true, Source = WebToApi.Destination, Destination = WebToApi.Source };
        Assert.True(filter.Matches(reply));
        Assert.False(new FlowFilter(new MonitorRequest { Ports = { 40000 } }).Matches(reply));
    }

    [Fact]
    public void FrameWithoutAddresses_PassesOnlyWithoutConditionsOnEnds()
    {
        Flow arp = new() { Type = FlowType.Drop };
        Assert.True(new FlowFilter(new MonitorRequest()).Matches(arp));
        Assert.False(new FlowFilter(new MonitorRequest { From = { "web" } }).Matches(arp));
        Assert.False(new FlowFilter(new MonitorRequest { Ports = { 80 } }).Matches(arp));
    }
}
