// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Http.Rules;
using Weir.Net;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>HTTP policies that the kernel judges by, and flows that are judged.</summary>
public sealed class HttpPolicyTableTests : IDisposable
{
    private static readonly HttpPolicy _plain = new([new(1, new HttpRule("GET", "/a", null, []))]);
    private static readonly HttpPolicy _other = new([new(2, new HttpRule("GET", "/b", null, []))]);
    private static readonly HttpPolicy _audited = _plain.InAudit();
    private readonly TestPins _pins = new();

    private DatapathOptions Options => new() { PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536 };

    public void Dispose() => _pins.Dispose();

    [PrivilegedFact]
    public void Policies_AreThoseThatAreAskedFor_AsFarAsTheyCanBe()
    {
        using (Datapath first = Datapath.Open(Options))
        {
            Assert.Equal([_audited.Id], first.SetHttpPolicies([_plain, _audited]).Keys);
            Assert.Equal([_plain.Id], Present());
            Assert.Empty(first.SetHttpPolicies([_plain, _other]));
            Assert.Equal([.. ((uint[])[_plain.Id, _other.Id]).Order()], Present());
        }

        // What an earlier agent made is made anew, or taken away.
        using Datapath second = Datapath.Open(Options);
        Assert.Equal(2, Present().Length);
        second.SetHttpPolicies([_other]);
        Assert.Equal([_other.Id], Present());
        second.SetHttpPolicies([]);
        Assert.Empty(Present());
    }

    [PrivilegedFact]
    public void TakeOvers_AreOfADatapathThatJudges()
    {
        using Datapath datapath = Datapath.Open(Options);
        Assert.Null(TakeOvers.TryOpen(_pins.Root));
        datapath.SetJudgesHttp(false);
        Assert.Null(TakeOvers.TryOpen(_pins.Root));
        datapath.SetJudgesHttp(true);
        Assert.Equal(SettingsFlag.Http, datapath.Flags);
        using TakeOvers waiting = Assert.IsType<TakeOvers>(TakeOvers.TryOpen(_pins.Root));
        Assert.False(waiting.AreReplaced(_pins.Root));
        Assert.False(waiting.Complete(new IPEndPoint(IPAddress.Parse("10.1.0.2"), 4000), new IPEndPoint(IPAddress.Parse("10.1.0.3"), 80)));
        Assert.Equal(0, waiting.Read((in _, _) => Assert.Fail("nothing is to be taken over"), TimeSpan.Zero));
        datapath.SetJudgesHttp(false);
        Assert.Equal((SettingsFlag)0, datapath.Flags);
    }

    /// <summary>What is known of a flow goes with it.</summary>
    [PrivilegedFact]
    public void Sweep_ForgetsWhatIsKnownOfFlowsThatAreGone()
    {
        using Datapath datapath = Datapath.Open(Options);
        datapath.SetJudgesHttp(true);
        CtKey living = Key(1), gone = Key(2);
        using BpfMap conntrack = BpfMap.OpenPinned(Path.Combine(_pins.Root, MapNames.Ct))!;
        using BpfMap known = BpfMap.OpenPinned(Path.Combine(_pins.Root, MapNames.HttpFlow))!;
        new BpfMap<CtKey, CtEntry>(conntrack).Set(living, new CtEntry { ExpiresNs = ulong.MaxValue, Flags = CtFlag.Proxy | CtFlag.Http });
        var flows = new BpfMap<CtKey, HttpFlow>(known);
        flows.Set(living, new HttpFlow { Key = living });
        flows.Set(gone, new HttpFlow { Key = gone });
        datapath.SweepConntrack(1);
        Assert.Equal([living.PortA], flows.ToList().Select(flow => flow.Key.PortA));
    }

    private static CtKey Key(ushort port) => CtKeys.Of(new IPEndPoint(IPAddress.Parse("10.1.0.2"), port), new IPEndPoint(IPAddress.Parse("10.1.0.3"), 80), IpProtocol.Tcp, out _);

    /// <summary>By number, whatever the process that put them there.</summary>
    private uint[] Present()
    {
        List<uint> ids = [];
        using BpfMap map = BpfMap.OpenPinned(Path.Combine(_pins.Root, MapNames.Http))!;
        map.ForEachBatch((keys, _, count) =>
        {
            for (int i = 0; i < count; i++)
            {
                ids.Add(BitConverter.ToUInt32(keys[(i * sizeof(uint))..]));
            }
        });
        return [.. ids.Order()];
    }
}
