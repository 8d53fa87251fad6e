// SPDX-License-Identifier: Apache-2.0

using Weir.Datapath;
using Weir.Services;

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

    /// <summary>Finds room for what these services will need, for all of them or for none.</summary>
    /// <exception cref="ControlException">It does not fit.</exception>
    void Reserve(IReadOnlyList<Service> services);

    /// <summary>Takes up what the kernel has of these services, and removes what it has of others.</summary>
    /// <returns>Backends that got new connections, by service.</returns>
    ILookup<string, BackendAddress> Restore(IEnumerable<Service> services);

    /// <summary>What is in the kernel of all services.</summary>
    IEnumerable<BalancedFamily> Families { get; }

    /// <summary>What is in the kernel of a service: one for each address family of its frontends.</summary>
    IReadOnlyList<BalancedFamily> FamiliesOf(string name);

    /// <summary>The service that a frontend belongs to, or did until lately. May be asked from any thread.</summary>
    string? NameOf(uint frontendId);

    ServiceStats StatsOf(uint frontendId);

    /// <summary>How many slots each backend has now.</summary>
    Dictionary<BackendAddress, int> SlotsOf(string name);

    /// <summary>Whether something was removed that the kernel may speak of still: see <see cref="Collect"/>.</summary>
    bool HasGone { get; }

    /// <summary>Gives numbers of what is gone free, once nothing in the kernel speaks of them.</summary>
    void Collect();

    /// <summary>True once after something was removed.</summary>
    bool TakeLoss();

    /// <summary>Ends changes where the last flow from before was silent long enough, and gives services the places that were not
    /// free when they came.</summary>
    void EndChanges(ulong nowNs);
}
