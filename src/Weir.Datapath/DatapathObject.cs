// SPDX-License-Identifier: Apache-2.0

using System.IO.Compression;
using System.Reflection;

namespace Weir.Datapath;

/// <summary>The compiled objects, from this assembly's resources.</summary>
public static class DatapathObject
{
    private static readonly Lazy<byte[]> _endpoint = new(() => Read("endpoint.bpf"));
    private static readonly Lazy<byte[]> _host = new(() => Read("host.bpf"));
    private static readonly Lazy<byte[]> _listener = new(() => Read("listener.bpf"));
    private static readonly Lazy<byte[]> _measure = new(() => Read("measure.bpf"));
    private static readonly Lazy<byte[]> _overlay = new(() => Read("overlay.bpf"));
    private static readonly Lazy<byte[]> _xdp = new(() => Read("xdp.bpf"));
    private static readonly Lazy<byte[]> _socket = new(() => Read("sock.bpf"));
    private static readonly Lazy<byte[]> _abi = new(() => Read("abi.bpf"));

    /// <summary>bpf/endpoint.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> EndpointImage => _endpoint.Value;

    /// <summary>bpf/host.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> HostImage => _host.Value;

    /// <summary>bpf/listener.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> ListenerImage => _listener.Value;

    /// <summary>bpf/measure.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> MeasureImage => _measure.Value;

    /// <summary>bpf/overlay.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> OverlayImage => _overlay.Value;

    /// <summary>bpf/xdp.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> XdpImage => _xdp.Value;

    /// <summary>bpf/sock.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> SocketImage => _socket.Value;

    /// <summary>bpf/abi/abi.bpf.c, compiled: it serves the check of layouts only.</summary>
    public static ReadOnlySpan<byte> AbiImage => _abi.Value;

    /// <summary>bpf/NAME.c, compiled.</summary>
    public static byte[] Read(string name)
    {
        using Stream packed = Assembly.GetExecutingAssembly().GetManifestResourceStream(name + ".o.gz")
            ?? throw new DatapathException($"this build of weir has no {name}.o: build it again with clang installed");
        using var stream = new GZipStream(packed, CompressionMode.Decompress);
        using var image = new MemoryStream();
        stream.CopyTo(image);
        return image.ToArray();
    }
}
