// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;

namespace Weir.Datapath;

/// <summary>The compiled objects of one version, each read once.</summary>
/// <param name="read">Reads bpf/NAME.c, compiled.</param>
internal sealed class DatapathImages(Func<string, byte[]> read)
{
    private readonly ConcurrentDictionary<string, byte[]> _images = [];

    /// <summary>This version's.</summary>
    internal static DatapathImages Own { get; } = new(DatapathObject.Read);

    internal ReadOnlySpan<byte> Endpoint => Image("endpoint.bpf");

    internal ReadOnlySpan<byte> Host => Image("host.bpf");

    internal ReadOnlySpan<byte> Http => Image("http.bpf");

    internal ReadOnlySpan<byte> Judge => Image("judge.bpf");

    internal ReadOnlySpan<byte> Listener => Image("listener.bpf");

    internal ReadOnlySpan<byte> Measure => Image("measure.bpf");

    internal ReadOnlySpan<byte> Overlay => Image("overlay.bpf");

    internal ReadOnlySpan<byte> Xdp => Image("xdp.bpf");

    internal ReadOnlySpan<byte> Socket => Image("sock.bpf");

    /// <summary>It serves the check of layouts only.</summary>
    internal ReadOnlySpan<byte> Abi => Image("abi.bpf");

    private byte[] Image(string name) => _images.GetOrAdd(name, read);
}
