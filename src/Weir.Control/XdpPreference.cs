// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control;

/// <summary>Where XDP programs are to run.</summary>
public enum XdpPreference
{
    /// <summary>In the device's driver; where that cannot, in the stack.</summary>
    Auto,

    /// <summary>In the driver, or not at all.</summary>
    Native,

    /// <summary>In the stack.</summary>
    Generic,

    /// <summary>Nowhere.</summary>
    Off,
}
