// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;
using Weir.Linux;
using Weir.Store;

namespace Weir.Control.Host;

/// <summary>Sysctls of the host that containers' traffic needs; they can be put back.</summary>
internal static class HostSettings
{
    private const string Folder = "settings";

    /// <summary>Sets one, remembering what it was if that was something else.</summary>
    internal static void Set(IStore store, string name, string value)
    {
        string before = Sysctl.Read(name);
        if (before != value)
        {
            store.Put($"{Folder}/{name.Replace('/', '_')}", new HostSetting(name, before), StateContext.Default.HostSetting);
            Sysctl.Write(name, value);
        }
    }

    /// <summary>Puts back all that was changed.</summary>
    internal static void Restore(IStore store)
    {
        foreach (HostSetting setting in store.List(Folder, StateContext.Default.HostSetting))
        {
            Sysctl.Write(setting.Name, setting.Before);
        }
    }
}
