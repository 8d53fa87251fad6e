// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Linux.Netlink;

namespace Weir.Datapath;

/// <summary>The two programs of one endpoint: specialised by its constants, loaded together.</summary>
internal sealed class EndpointProgram : IDisposable
{
    private const string ConfigVariable = "endpoint_config";

    private readonly BpfObject _object;

    private EndpointProgram(BpfObject loaded) => _object = loaded;

    internal BpfProgram FromEndpoint => _object.Program(ProgramNames.FromEp);

    internal BpfProgram ToEndpoint => _object.Program(ProgramNames.ToEp);

    /// <summary>Loads the programs; nothing is attached yet.</summary>
    internal static EndpointProgram Load(DatapathMaps maps, in EndpointConfig config)
    {
        BpfObject program = BpfObject.Open(DatapathObject.EndpointImage, "weir");
        try
        {
            foreach (BpfMap map in maps.All)
            {
                program.ReuseMap(map.Name, map);
            }

            program.SetRodata(MemoryMarshal.AsBytes(new ReadOnlySpan<EndpointConfig>(in config)), ConfigVariable);
            program.Load();
            return new EndpointProgram(program);
        }
        catch
        {
            program.Dispose();
            throw;
        }
    }

    internal static EndpointConfig ConfigOf(EndpointAttachment attachment)
    {
        var config = new EndpointConfig
        {
            Ipv4 = AddressOf(attachment.Ipv4),
            Ipv6 = AddressOf(attachment.Ipv6),
            Gateway4 = AddressOf(attachment.Gateway4),
            Gateway6 = AddressOf(attachment.Gateway6),
            EndpointId = attachment.Id,
        };
        config.Mac = MacOf(attachment.Mac);
        config.GatewayMac = MacOf(attachment.GatewayMac);
        return config;
    }

    internal static InlineArray6<byte> MacOf(byte[] bytes)
    {
        InlineArray6<byte> mac = default;
        bytes.CopyTo(mac);
        return mac;
    }

    /// <summary>Attaches both to the host's side of the veth, in place of older ones.</summary>
    internal void Attach(RtnetlinkSocket links, int ifindex)
    {
        // What the container sends arrives at the host's side: that is its ingress.
        links.AddClsact(ifindex);
        links.ReplaceBpfFilter(ifindex, ingress: true, FromEndpoint.Fd, ProgramNames.FromEp);
        links.ReplaceBpfFilter(ifindex, ingress: false, ToEndpoint.Fd, ProgramNames.ToEp);
    }

    public void Dispose() => _object.Dispose();

    private static IpAddr AddressOf(IPAddress? address) => address is null ? default : IpAddr.From(address);
}
