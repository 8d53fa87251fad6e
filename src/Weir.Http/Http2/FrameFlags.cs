// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Http2;

/// <summary>Flags of frames; what a bit means depends on the type.</summary>
[Flags]
public enum FrameFlags : byte
{
    None = 0,

    /// <summary>Of DATA and HEADERS.</summary>
    EndStream = 0x1,

    /// <summary>Of SETTINGS and PING.</summary>
    Ack = EndStream,
    EndHeaders = 0x4,
    Padded = 0x8,
    Priority = 0x20,
}
