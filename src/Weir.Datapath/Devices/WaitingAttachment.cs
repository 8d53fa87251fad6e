// SPDX-License-Identifier: Apache-2.0
using Weir.Linux;

namespace Weir.Datapath;

/// <summary>Programs that are loaded, and will be attached together with all others.</summary>
/// <param name="attach">Attaches them.</param>
/// <param name="programs">Hold them until then.</param>
internal sealed class WaitingAttachment(int ifindex, Action attach, IDisposable[] programs) : IDisposable
{
    /// <summary>The device's number.</summary>
    internal int Ifindex => ifindex;

    /// <summary>Nothing happens where the device is gone: its container has ended meanwhile.</summary>
    internal void Attach()
    {
        try
        {
            attach();
        }
        catch (LinuxException e) when (e.Number == Errno.NoDevice)
        {
        }
    }

    public void Dispose() => Array.ForEach(programs, program => program.Dispose());
}
