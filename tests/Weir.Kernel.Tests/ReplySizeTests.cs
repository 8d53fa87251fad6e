// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>A service's answer that does not fit the way to its client: what the container is told, and what is left to the
/// host's stack. The device of a test run is the namespace's loopback.</summary>
public sealed class ReplySizeTests : IDisposable
{
    private const ushort DontFragment = 0x4000;
    private const int Quote = 128;
    private readonly TestNamespace _place = new();
    private readonly ProgramHarness _h;

    public ReplySizeTests()
    {
        using var cgroup = new TestCgroup();
        cgroup.Run(_place, "ip", "link", "set", "lo", "mtu", "1400", "up");
        _h = new ProgramHarness();
        _h.AddEndpoint(1, 256, "10.11.0.2", "fd00:11::2");
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
        uint id = 0;
        foreach (byte protocol in (byte[])[6, 17])
        {
            _h.AddService(++id, "203.0.113.10", 80, protocol, "10.11.0.2", 8080, BackendFlag.Present | BackendFlag.Local);
            _h.AddService(++id, "2001:db8::10", 80, protocol, "fd00:11::2", 8080, BackendFlag.Present | BackendFlag.Local);
        }
    }

    public void Dispose()
    {
        _h.Dispose();
        _place.Dispose();
    }

    [PrivilegedTheory]
    [InlineData(false, 6)]
    [InlineData(true, 6)]
    [InlineData(false, 17)]
    [InlineData(true, 17)]
    public void TooLong_IsTheContainersToCut_AndItIsTold(bool v6, byte protocol)
    {
        Frame answer = Answer(v6, protocol, 1401);
        Outcome outcome = Run(v6, protocol, answer);

        Assert.Equal((ProgramHarness.Redirect, DropReason.TooBig), (outcome.Action, outcome.Reason));
        byte[] told = [v6 ? (byte)2 : (byte)3, v6 ? (byte)0 : (byte)4, 0, 0, 0, 0, 1400 >> 8, 1400 & 0xff, .. answer.Quote()[..Quote]];
        var error = new Frame
        {
            SourceMac = Frame.GatewayMac,
            DestinationMac = Frame.ContainerMac,
            Source = v6 ? "fd00:11::1" : "10.11.0.1",
            Destination = answer.Source,
            Protocol = v6 ? (byte)58 : (byte)1,
            RawL4 = told,
            HopLimit = 64,
            FragmentId = 0,
        };
        Assert.Equal(error.WithChecksums(), outcome.Frame);
    }

    [PrivilegedTheory]
    [InlineData(false, 6)]
    [InlineData(true, 6)]
    [InlineData(false, 17)]
    [InlineData(true, 17)]
    public void WhatFits_Leaves(bool v6, byte protocol) =>
        Assert.Equal((ProgramHarness.Redirect, DropReason.None), ActionOf(Run(v6, protocol, Answer(v6, protocol, 1400))));

    [PrivilegedTheory]
    [InlineData(6)]
    [InlineData(17)]
    public void WhatRoutersMayCut_GoesThroughTheStack_FromTheFrontend(byte protocol)
    {
        Frame answer = Answer(false, protocol, 1401) with { Fragment = 0 };
        Outcome outcome = Run(false, protocol, answer);

        Assert.Equal((ProgramHarness.Pass, DropReason.None), ActionOf(outcome));
        Assert.Equal((answer with { Source = "203.0.113.10", SourcePort = 80 }).ToBytes()[..34], outcome.Frame[..34]);
        Assert.Equal(80, BinaryPrimitives.ReadUInt16BigEndian(outcome.Frame.AsSpan(34)));
    }

    [PrivilegedFact]
    public void ShortFragment_GoesTheWayOfTheLongOnesBeforeIt()
    {
        Frame first = Answer(false, 17, 1396) with { Fragment = 0x2000 };
        Frame last = first with { Fragment = 172, RawL4 = new byte[64] };

        // They are as long as the container's link has it, which is wider than the way.
        _place.Run(() =>
        {
            Client(false, 17);
            Assert.Equal(ProgramHarness.Redirect, _h.FromContainer(1, first).Action);
            Assert.Equal(ProgramHarness.Redirect, _h.FromContainer(1, last).Action);
        });
    }

    private static (uint Action, DropReason Reason) ActionOf(Outcome outcome) => (outcome.Action, outcome.Reason);

    private Outcome Run(bool v6, byte protocol, Frame answer) => _place.Run(() =>
    {
        Client(v6, protocol);
        return _h.FromContainer(1, answer);
    });

    private void Client(bool v6, byte protocol) => Assert.Equal(ProgramHarness.Redirect, _h.FromDevice(new Frame
    {
        SourceMac = Frame.GatewayMac,
        DestinationMac = Frame.DeviceMac,
        Source = v6 ? "2001:db8:7::7" : "198.51.100.7",
        Destination = v6 ? "2001:db8::10" : "203.0.113.10",
        Protocol = protocol,
    }).Action);

    /// <param name="length">Of the IP packet.</param>
    private static Frame Answer(bool v6, byte protocol, int length) => new()
    {
        Source = v6 ? "fd00:11::2" : "10.11.0.2",
        Destination = v6 ? "2001:db8:7::7" : "198.51.100.7",
        Protocol = protocol,
        SourcePort = 8080,
        DestinationPort = 40000,
        TcpFlags = 0x10,
        Fragment = v6 ? null : DontFragment,
        Payload = new byte[length - (v6 ? 40 : 20) - (protocol == 6 ? 20 : 8)],
    };
}
