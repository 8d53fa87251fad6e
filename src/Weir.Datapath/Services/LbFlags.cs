// SPDX-License-Identifier: Apache-2.0

using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>What packets at a device must be looked up in: settings.lb_flags.</summary>
/// <param name="change">Sets the first, then clears the second, in one change of the settings.</param>
internal sealed class LbFlags(Action<LbFlag, LbFlag> change)
{
    internal void Set(LbFlag flag, bool on) => change(on ? flag : 0, on ? 0 : flag);
}
