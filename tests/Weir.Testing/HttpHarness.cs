// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Http.Rules;

namespace Weir.Testing;

/// <summary>Has the program loaded that judges heads of requests, over maps of its own, and runs it. Nothing is attached or pinned.</summary>
public sealed class HttpHarness : IDisposable
{
    /// <summary>Bytes of a request that fit one packet here.</summary>
    public const int Most = 3300;

    private const int ContextBytes = 192; // struct __sk_buff
    private const int Mark = 8; // in it, as what follows
    private const int Priority = 32;
    private const int Words = 48;
    private const int Headers = 54;

    private static readonly Pool<int, Loaded> _pool = new();

    private readonly Loaded _loaded = _pool.Take(0) ?? new Loaded();
    private readonly HashSet<uint> _put = [];
    private readonly byte[] _frame = new byte[Headers + Most];
    private readonly byte[] _context = new byte[ContextBytes];
    private readonly byte[] _contextOutput = new byte[ContextBytes];

    public HttpHarness() =>
        new Frame { Source = "10.11.0.2", Destination = "10.11.0.3", TcpFlags = 0x18, Payload = [] }.ToBytes().CopyTo(_frame.AsSpan());

    public BpfProgram Program => _loaded.Object.Program("weir_http_judge");

    public void Dispose()
    {
        _put.ToList().ForEach(Remove);
        _pool.Return(0, _loaded);
    }

    /// <summary>Has the kernel judge by a policy.</summary>
    /// <returns>What is in the way; empty: it does.</returns>
    public string Put(uint policy, HttpRuleSet rules)
    {
        if (HttpTable.TryMake(rules, out string why) is { } table)
        {
            using BpfMap one = BpfMap.Create(_loaded.Table);
            one.Update(BitConverter.GetBytes(0), table);
            _loaded.Policies.Update(BitConverter.GetBytes(policy), BitConverter.GetBytes(one.Fd));
            _put.Add(policy);
        }

        return why;
    }

    /// <summary>The kernel forgets a policy.</summary>
    public void Remove(uint policy)
    {
        _put.Remove(policy);
        _loaded.Policies.Delete(BitConverter.GetBytes(policy));
    }

    /// <summary>Has a packet judged by the policies of its two ends.</summary>
    public HttpHead Judge(Frame packet, uint egress, uint ingress = 0) => Run(packet.ToBytes(), egress, ingress);

    /// <summary>Likewise one of TCP over IPv4 that carries these bytes: for many of them.</summary>
    public HttpHead Judge(ReadOnlySpan<byte> data, uint egress, uint ingress = 0) => Run(FrameOf(data), egress, ingress);

    /// <summary>Mean nanoseconds of judging it.</summary>
    public uint Measure(ReadOnlySpan<byte> data, uint egress, uint ingress, int repeat)
    {
        Ask(egress, ingress);
        return Program.TestRun(FrameOf(data), repeat: repeat, context: _context).DurationNs;
    }

    private ReadOnlySpan<byte> FrameOf(ReadOnlySpan<byte> data)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_frame.AsSpan(16), (ushort)(40 + data.Length)); // IPv4's total length
        data.CopyTo(_frame.AsSpan(Headers));
        return _frame.AsSpan(0, Headers + data.Length);
    }

    private void Ask(uint egress, uint ingress)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_context.AsSpan(Mark), egress);
        BinaryPrimitives.WriteUInt32LittleEndian(_context.AsSpan(Priority), ingress);
    }

    private HttpHead Run(ReadOnlySpan<byte> frame, uint egress, uint ingress)
    {
        Ask(egress, ingress);
        Program.TestRun(frame, context: _context, contextOutput: _contextOutput);
        return MemoryMarshal.Read<HttpHead>(_contextOutput.AsSpan(Words));
    }

    /// <summary>The program and its maps, for one harness after the other.</summary>
    private sealed class Loaded
    {
        internal Loaded()
        {
            Object = BpfObject.Open(DatapathObject.HttpImage, "http");
            BpfMapSpec spec = Object.DeclaredMaps().Single(map => map.Name == "weir_http");
            Table = spec.Inner!;
            Policies = BpfMap.Create(spec);
            Object.ReuseMap(spec.Name, Policies);
            Object.Load();
        }

        internal BpfObject Object { get; }

        internal BpfMap Policies { get; }

        internal BpfMapSpec Table { get; }
    }
}
