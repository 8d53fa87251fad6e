// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using Weir.Bpf;
using Weir.Control.State;
using Weir.Control.Watch;
using Weir.Datapath;
using Weir.Linux;
using Weir.Linux.Netlink;

namespace Weir.Control.Services;

/// <summary>The host's devices that carry the balancer's programs: from the first service or prefix on, and
/// new ones as they come. Called under the control plane's lock.</summary>
internal sealed class DeviceManager(Datapath.Datapath datapath, RtnetlinkSocket links, ControlOptions options, ILogger log)
{
    private const byte ScopeGlobal = 0;
    private readonly Dictionary<string, BalancedDevice> _devices = [];
    private bool _hooked;

    internal IReadOnlyList<BalancedDevice> All => [.. _devices.Values.OrderBy(device => device.Name, StringComparer.Ordinal)];

    /// <summary>What is wrong with the socket hook; null: nothing, or it is not needed yet.</summary>
    internal string? HookProblem { get; private set; }

    /// <summary>Whether there is anything to balance or to filter.</summary>
    internal bool IsNeeded { get; private set; }

    /// <summary>From here on the programs are needed.</summary>
    internal void Need()
    {
        IsNeeded = true;
        Refresh();
    }

    /// <summary>Every few seconds: where it failed.</summary>
    internal void TryAgain()
    {
        if (HookProblem is not null || _devices.Values.Any(device => !device.IsServed))
        {
            Refresh();
        }
    }

    /// <summary>Attaches to devices that are new, and tries again where it failed.</summary>
    internal void Refresh()
    {
        if (!IsNeeded)
        {
            return;
        }

        List<LinkInfo> wanted = Wanted();
        foreach (string gone in _devices.Keys.Except(wanted.Select(link => link.Name)).ToList())
        {
            datapath.DetachXdp(gone);
            datapath.DetachDevice(gone);
            _devices.Remove(gone);
        }

        foreach (LinkInfo link in wanted.Where(link => !_devices.TryGetValue(link.Name, out BalancedDevice? known) || known.Ifindex != link.Index || !known.IsServed))
        {
            BalancedDevice device = Attach(link);
            if (device != _devices.GetValueOrDefault(link.Name))
            {
                Log.DeviceServed(log, device.Name, device.Xdp);
            }

            _devices[link.Name] = device;
        }

        Hook();
    }

    /// <summary>What the devices that are served carry.</summary>
    internal IEnumerable<Expectation> Expect()
    {
        foreach (BalancedDevice device in _devices.Values.Where(device => device.IsServed))
        {
            yield return new Expectation(
                "program",
                $"Weir's programs at device {device.Name}",
                picture => picture.Link(device.Name)?.Index != device.Ifindex || datapath.IsDeviceWhole(device.Name, device.Ifindex),
                () => datapath.AttachDevice(device.Name, device.Ifindex));
            if (options.XdpMode != XdpPreference.Off)
            {
                yield return new Expectation(
                    "program",
                    $"the load balancer's program at device {device.Name}",
                    picture => picture.Link(device.Name)?.Index != device.Ifindex || datapath.IsXdpWhole(device.Name, device.Ifindex),
                    () => datapath.AttachXdp(device.Name, device.Ifindex, Wanted(options.XdpMode)));
            }
        }

        if (_hooked)
        {
            yield return new Expectation("program", "the socket hook at the root of cgroup2", _ => datapath.IsSocketHookWhole, () => datapath.AttachSocketHook());
        }
    }

    private List<LinkInfo> Wanted()
    {
        IReadOnlyList<LinkInfo> all = links.ListLinks();
        if (options.Devices.Count > 0)
        {
            return [.. all.Where(link => options.Devices.Contains(link.Name))];
        }

        // Container bridges have addresses too, but what comes from there has met the socket hook.
        HashSet<int> addressed = [.. links.ListAddresses().Where(address => address.Scope == ScopeGlobal).Select(address => address.Ifindex)];
        return [.. all.Where(link => link.IsUp && link.Name != "lo" && link.Kind != "bridge" && !LinkNames.IsHost(link.Name) && addressed.Contains(link.Index))];
    }

    private BalancedDevice Attach(LinkInfo link)
    {
        try
        {
            datapath.AttachDevice(link.Name, link.Index);
        }
        catch (Exception e) when (e is LinuxException or DatapathException)
        {
            return new BalancedDevice(link.Name, link.Index, $"failed: {e.Message}", false);
        }

        try
        {
            return options.XdpMode == XdpPreference.Off
                ? new BalancedDevice(link.Name, link.Index, "off", true)
                : new BalancedDevice(link.Name, link.Index, NameOf(datapath.AttachXdp(link.Name, link.Index, Wanted(options.XdpMode))), true);
        }
        catch (Exception e) when (e is LinuxException or DatapathException)
        {
            return new BalancedDevice(link.Name, link.Index, $"failed: {e.Message}", false);
        }
    }

    private void Hook()
    {
        if (_hooked)
        {
            return;
        }

        try
        {
            datapath.AttachSocketHook();
            HookProblem = null;
            _hooked = true;
        }
        catch (Exception e) when (e is LinuxException or DatapathException)
        {
            HookProblem = $"connections from this host do not reach services: {e.Message}";
            Log.Failed(log, "attaching the socket hook", e.Message);
        }
    }

    private static XdpMode? Wanted(XdpPreference preference) => preference switch
    {
        XdpPreference.Native => XdpMode.Native,
        XdpPreference.Generic => XdpMode.Generic,
        _ => null,
    };

    private static string NameOf(XdpMode mode) => mode == XdpMode.Native ? "native" : "generic";
}
