// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>Nobody keeps others from opening flows, however many he opens.</summary>
public sealed class FlowRoomTests : IDisposable
{
    private const uint Capacity = 300;
    private const string Web = "10.11.0.2";
    private const string Api = "10.11.0.3";
    private const string World = "203.0.113.10";

    private readonly ProgramHarness _h = new(Capacity);

    public FlowRoomTests()
    {
        _h.AddEndpoint(1, 256, Web, null);
        _h.AddEndpoint(2, 257, Api, null);
        foreach (uint id in (uint[])[1, 2])
        {
            _h.SetPolicy(id, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
        }
    }

    public void Dispose() => _h.Dispose();

    [Theory]
    [InlineData(6, 2)]
    [InlineData(17, 0)]
    [InlineData(1, 0)]
    public void OneContainer_GetsAThirdOfTheTable_OthersGoOn(byte protocol, byte flags)
    {
        int opened = Enumerable.Range(1, 2 * (int)Capacity).Count(port => Opens(1, (ushort)port, protocol, flags));
        Assert.InRange(opened, (int)Capacity / 3, ((int)Capacity / 3) + 1);
        Assert.Equal((uint)opened, _h.FlowsOf(1));
        Assert.All(Enumerable.Range(1, 50), port => Assert.True(Opens(2, (ushort)port, 6, 2)));
    }

    [Fact]
    public void SynAndResetWithoutEnd_TakeNoRoomAtAll()
    {
        for (ushort port = 1; port <= 5 * Capacity; port++)
        {
            Assert.True(Opens(1, port, 6, 2));
            _h.FromContainer(1, Packet(1, port, 6) with { TcpFlags = 4, Sequence = 1001 });
        }

        Assert.Equal(0u, _h.FlowsOf(1));
        Assert.All(Enumerable.Range(1, 90), port => Assert.True(Opens(2, (ushort)port, 6, 2)));
    }

    [Theory]
    [InlineData(6)]
    [InlineData(17)]
    [InlineData(1)]
    public void ForgedSourcesFromOutside_TakeNoRoomAtAll(byte protocol)
    {
        for (int i = 0; i < 5 * Capacity; i++)
        {
            string source = string.Create(CultureInfo.InvariantCulture, $"198.18.{i >> 8}.{i & 255}");
            Frame frame = new() { Source = source, Destination = Api, Protocol = protocol, SourcePort = 80 };
            Assert.Equal(DropReason.None, _h.ToContainer(2, frame).Reason);
            // The container answers each.
            Assert.Equal(DropReason.None, _h.FromContainer(2, frame.Reply()).Reason);
        }

        Assert.Equal(0u, _h.FlowsOf(0));
        Assert.All(Enumerable.Range(1, 90), port => Assert.True(Opens(1, (ushort)port, 6, 2)));
    }

    [Fact]
    public void TrueClientsFromOutside_GetHalfOfTheTable_ContainersGoOn()
    {
        int established = 0;
        for (ushort port = 1; port <= Capacity; port++)
        {
            Frame syn = new() { Source = World, Destination = Api, SourcePort = port };
            _h.ToContainer(2, syn);
            _h.FromContainer(2, syn.Reply());
            DropReason reason = _h.ToContainer(2, syn with { TcpFlags = 0x10, Sequence = 1005 }).Reason;
            Assert.Contains(reason, (DropReason[])[DropReason.None, DropReason.CtOutsideLimit]);
            established += reason == DropReason.None ? 1 : 0;
        }

        Assert.InRange(established, (int)Capacity / 2, ((int)Capacity / 2) + 1);
        Assert.Equal((uint)established, _h.FlowsOf(0));
        Assert.All(Enumerable.Range(1, 40), port => Assert.True(Opens(1, (ushort)port, 6, 2)));
    }

    [Fact]
    public void UdpFromOutside_LeavesRoomForConnections_AndIsAnsweredWithoutRoom()
    {
        for (ushort port = 1; port <= Capacity; port++)
        {
            Frame question = new() { Source = World, Destination = Api, SourcePort = port, Protocol = 17 };
            Assert.Equal(DropReason.None, _h.ToContainer(2, question).Reason);
            Assert.Equal(DropReason.None, _h.FromContainer(2, question.Reply()).Reason);
            Assert.Equal(DropReason.None, _h.ToContainer(2, question).Reason);
            Assert.Equal(DropReason.None, _h.FromContainer(2, question.Reply()).Reason);
        }

        Assert.InRange(_h.FlowsOf(0), Capacity / 3, (Capacity / 3) + 1);
        Frame syn = new() { Source = World, Destination = Api };
        _h.ToContainer(2, syn);
        _h.FromContainer(2, syn.Reply());
        Assert.Equal(DropReason.None, _h.ToContainer(2, syn with { TcpFlags = 0x10, Sequence = 1005 }).Reason);
        Assert.InRange(_h.FlowsOf(0), (Capacity / 3) + 1, (Capacity / 3) + 2);
    }

    private static Frame Packet(uint id, ushort port, byte protocol) =>
        new() { Source = id == 1 ? Web : Api, Destination = World, SourcePort = port, Protocol = protocol };

    private bool Opens(uint id, ushort port, byte protocol, byte flags) =>
        _h.FromContainer(id, Packet(id, port, protocol) with { TcpFlags = flags }).Reason == DropReason.None;
}
