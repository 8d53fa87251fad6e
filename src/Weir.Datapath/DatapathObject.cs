// SPDX-License-Identifier: Apache-2.0

using System.IO.Compression;
using System.Reflection;

namespace Weir.Datapath;

/// <summary>The compiled objects, from this assembly's resources.</summary>
public static class DatapathObject
{
    /// <summary>bpf/endpoint.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> EndpointImage => DatapathImages.Own.Endpoint;

    /// <summary>bpf/host.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> HostImage => DatapathImages.Own.Host;

    /// <summary>bpf/http.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> HttpImage => DatapathImages.Own.Http;

    /// <summary>bpf/judge.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> JudgeImage => DatapathImages.Own.Judge;

    /// <summary>bpf/listener.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> ListenerImage => DatapathImages.Own.Listener;

    /// <summary>bpf/measure.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> MeasureImage => DatapathImages.Own.Measure;

    /// <summary>bpf/overlay.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> OverlayImage => DatapathImages.Own.Overlay;

    /// <summary>bpf/xdp.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> XdpImage => DatapathImages.Own.Xdp;

    /// <summary>bpf/sock.bpf.c, compiled.</summary>
    public static ReadOnlySpan<byte> SocketImage => DatapathImages.Own.Socket;

    /// <summary>bpf/abi/abi.bpf.c, compiled: it serves the check of layouts only.</summary>
    public static ReadOnlySpan<byte> AbiImage => DatapathImages.Own.Abi;

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
