// SPDX-License-Identifier: Apache-2.0
namespace Weir.Datapath;

/// <summary>Where a filter of Weir's is among the filters of a device.</summary>
/// <param name="MustBeFirst">Whether the device is Weir's own, so that no filter may come before.</param>
internal sealed record FilterPlace(ushort Priority, uint Handle, bool MustBeFirst)
{
    /// <summary>For a filter that shall run before others of the same priority: the newest does.</summary>
    internal const uint OtherHandle = 0x77656973;
}
