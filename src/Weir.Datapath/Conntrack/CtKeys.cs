// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Runtime.CompilerServices;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>Keys of weir_ct, made as bpf/lib/conntrack.h makes them.</summary>
internal static class CtKeys
{
    /// <param name="sourceIsB">The source is the end with the larger address, or port.</param>
    internal static CtKey Of(IPEndPoint source, IPEndPoint destination, IpProtocol protocol, out bool sourceIsB)
    {
        IpAddr from = IpAddr.From(source.Address);
        IpAddr to = IpAddr.From(destination.Address);
        sourceIsB = Compare(in from, in to) is var order && order != 0
            ? order > 0
            : RawPort(source).CompareTo(RawPort(destination)) > 0;
        (IPEndPoint a, IPEndPoint b) = sourceIsB ? (destination, source) : (source, destination);
        return new CtKey
        {
            AddrA = sourceIsB ? to : from,
            AddrB = sourceIsB ? from : to,
            PortA = (ushort)a.Port,
            PortB = (ushort)b.Port,
            Protocol = (byte)protocol,
        };
    }

    /// <summary>Words as a little-endian processor reads them, the last one first: as one number.</summary>
    private static int Compare(in IpAddr x, in IpAddr y) =>
        Unsafe.BitCast<IpAddr, UInt128>(x).CompareTo(Unsafe.BitCast<IpAddr, UInt128>(y));

    private static ushort RawPort(IPEndPoint endPoint) => (ushort)IPAddress.HostToNetworkOrder((short)endPoint.Port);
}
