// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Services;

/// <summary>The kernel's tables of services. <see cref="ServiceTables"/> are the kernel's; tests have some in memory. Refusals
/// are <see cref="ControlException"/>s and LinuxExceptions.</summary>
internal interface IServiceTables
{
    /// <summary>Makes the kernel serve it by these backends, in place of what it served under the name. Frontends that are
    /// another's become its own, and those that it no longer has stay until <see cref="LetGo"/>.</summary>
    void Serve(Service service);

    /// <summary>Takes away the frontends that it had and has no more, but for those that another took over.</summary>
    void LetGo(Service service);

    /// <summary>Serves it no more, but for frontends that another took over. Nothing happens if it is not served.</summary>
    void StopServing(string name);
}
