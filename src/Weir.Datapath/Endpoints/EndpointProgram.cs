// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Linux;

namespace Weir.Datapath;

/// <summary>The two programs of one endpoint: specialised by its constants, loaded together.</summary>
internal sealed class EndpointProgram : IDisposable
{
    internal const string PinPrefix = "link_ep_";
    private const string ConfigVariable = "endpoint_config";

    /// <summary>Of the filters, where there are no links.</summary>
    internal static FilterPlace Place { get; } = new(1, 1, MustBeFirst: true);

    private readonly FileDescriptor _from;
    private readonly FileDescriptor _to;
    private readonly EndpointConfig _config;

    /// <summary>Of the object, which holds a copy of the whole image, nothing is kept but the two.</summary>
    private EndpointProgram(BpfObject loaded, in EndpointConfig config)
    {
        BpfProgram from = loaded.Program(ProgramNames.FromEp), to = loaded.Program(ProgramNames.ToEp);
        _from = FileDescriptor.Duplicate(from.Fd);
        _to = FileDescriptor.Duplicate(to.Fd);
        FromEndpoint = from.By(_from);
        ToEndpoint = to.By(_to);
        _config = config;
    }

    internal BpfProgram FromEndpoint { get; }

    internal BpfProgram ToEndpoint { get; }

    /// <summary>Loads the programs; nothing is attached yet.</summary>
    internal static EndpointProgram Load(DatapathMaps maps, in EndpointConfig config)
    {
        using BpfObject loaded = ProgramLoader.Load(ProgramLoader.ImagesOf(maps).Endpoint, "weir", maps, ConfigVariable, config);
        return new EndpointProgram(loaded, config);
    }

    /// <summary>Whether they were loaded with the same constants.</summary>
    internal bool IsFor(in EndpointConfig config) =>
        MemoryMarshal.AsBytes(new ReadOnlySpan<EndpointConfig>(in _config)).SequenceEqual(MemoryMarshal.AsBytes(new ReadOnlySpan<EndpointConfig>(in config)));

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

    /// <summary>For the host's side of the veth: what the container sends arrives there, that is its ingress.</summary>
    internal DevicePrograms For(ushort id, string pinRoot) => new(FromEndpoint, ToEndpoint, PinOf(id, pinRoot), Place);

    internal static string PinOf(ushort id, string pinRoot) => Path.Combine(pinRoot, $"{PinPrefix}{id}");

    public void Dispose()
    {
        _from.Dispose();
        _to.Dispose();
    }

    private static IpAddr AddressOf(IPAddress? address) => address is null ? default : IpAddr.From(address);
}
