// SPDX-License-Identifier: Apache-2.0

using System.Reflection;

namespace Weir.Datapath;

/// <summary>The compiled objects, from this assembly's resources.</summary>
public static class DatapathObject
{
    private static readonly Lazy<byte[]> _endpoint = new(() => Read("endpoint.bpf.o"));
    private static readonly Lazy<byte[]> _host = new(() => Read("host.bpf.o"));
    private static readonly Lazy<byte[]> _listener = new(() => Read("listener.bpf.o"));
    private static readonly Lazy<byte[]> _overlay = new(() => Read("overlay.bpf.o"));
    private static readonly Lazy<byte[]> _xdp = new(() => Read("xdp.bpf.o"));
    private static readonly Lazy<byte[]> _socket = new(() => Read("sock.bpf.o"));
    private static readonly Lazy<byte[]> _abi = new(() => Read("abi.bpf.o"));

    /// <summary>bpf/endpoint.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> EndpointImage => _endpoint.Value;

    /// <summary>bpf/host.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> HostImage => _host.Value;

    /// <summary>bpf/listener.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> ListenerImage => _listener.Value;

    /// <summary>bpf/overlay.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> OverlayImage => _overlay.Value;

    /// <summary>bpf/xdp.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> XdpImage => _xdp.Value;

    /// <summary>bpf/sock.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> SocketImage => _socket.Value;

    /// <summary>bpf/abi/abi.bpf.c, compiled: it serves the check of layouts only.</summary>
    public static ReadOnlySpan<byte> AbiImage => _abi.Value;

    private static byte[] Read(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)
            ?? throw new DatapathException($"this build of weir has no {name}: build it again with clang installed");
        byte[] image = new byte[stream.Length];
        stream.ReadExactly(image);
        return image;
    }
}
