// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;
using Weir.Control.Watch;
using Weir.Linux;
using Weir.Store;

namespace Weir.Control.Host;

/// <summary>Sysctls of the host that containers' traffic needs: set, kept so, and put back by cleanup. Called on the
/// writer's thread.</summary>
internal sealed class HostSettings(IStore store)
{
    private const string Folder = "settings";
    private readonly SortedDictionary<string, string> _required = new(StringComparer.Ordinal);

    /// <summary>Sets one, now and whenever somebody changes it. What it was before is remembered.</summary>
    internal void Require(string name, string value)
    {
        _required[name] = value;
        Set(name, value);
    }

    internal IEnumerable<Expectation> Expect() => _required.Select(setting => new Expectation(
        "sysctl",
        $"sysctl {setting.Key.Replace('/', '.')}={setting.Value}",
        _ => !Sysctl.Exists(setting.Key) || Sysctl.Read(setting.Key) == setting.Value,
        () => Set(setting.Key, setting.Value))
    {
        IsIpv6 = setting.Key.StartsWith("net/ipv6/", StringComparison.Ordinal),
    });

    /// <summary>All that was changed, and is there.</summary>
    internal static IEnumerable<HostSetting> Changed(IStore? store) =>
        (store?.List(Folder, StateContext.Default.HostSetting) ?? []).Where(setting => Sysctl.Exists(setting.Name));

    /// <summary>Puts back all that was changed.</summary>
    internal static void Restore(IStore store)
    {
        foreach (HostSetting setting in Changed(store))
        {
            Sysctl.Write(setting.Name, setting.Before);
        }
    }

    private void Set(string name, string value)
    {
        string before = Sysctl.Read(name);
        if (before != value)
        {
            store.Put($"{Folder}/{name.Replace('/', '_')}", new HostSetting(name, before), StateContext.Default.HostSetting);
            Sysctl.Write(name, value);
        }
    }
}
