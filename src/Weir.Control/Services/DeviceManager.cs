// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Weir.Bpf;
using Weir.Control.Watch;
using Weir.Datapath;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;

namespace Weir.Control.Services;

/// <summary>The host's devices that carry the balancer's programs: from the first service or prefix on, and
/// new ones as they come. Called on the writer's thread; what only tells may be asked from any.</summary>
internal sealed class DeviceManager(Datapath.Datapath datapath, RtnetlinkSocket links, RtnetlinkTables tables, ControlOptions options, ILogger log)
{
    private volatile ImmutableSortedDictionary<string, BalancedDevice> _devices = ImmutableSortedDictionary.Create<string, BalancedDevice>(StringComparer.Ordinal);
    private bool _hooked;
    private bool _balances;
    private bool _hasNodes;

    internal IReadOnlyList<BalancedDevice> All => [.. _devices.Values];

    /// <summary>What is wrong with the socket hook; null: nothing, or it is not needed yet.</summary>
    internal string? HookProblem { get; private set; }

    /// <summary>Whether programs are needed: there is something to balance or to filter, or other nodes' packets come in.</summary>
    internal bool IsNeeded => _balances || _hasNodes;

    /// <summary>From here on there is something to balance or to filter.</summary>
    internal void Need()
    {
        if (!_balances)
        {
            _balances = true;
            // Those that had no XDP for want of a use.
            _devices = _devices.SetItems(_devices.Select(device => KeyValuePair.Create(device.Key, device.Value with { IsSettled = false })));
        }

        Refresh();
    }

    /// <summary>From here on other nodes' packets come in: judged where they arrive, and XDP would only make them slower.</summary>
    internal void NeedForNodes()
    {
        _hasNodes = true;
        Refresh();
    }

    /// <summary>From the first endpoint on its sockets are judged.</summary>
    internal void NeedHook() => Hook();

    /// <summary>Attaches to devices that are new, and tries again where it failed. Every few seconds, since nobody
    /// tells of routes.</summary>
    internal void Refresh()
    {
        if (!IsNeeded)
        {
            return;
        }

        IReadOnlyList<LinkInfo> wanted = Wanted();
        foreach (string gone in _devices.Keys.Except(wanted.Select(link => link.Name)).ToList())
        {
            datapath.DetachXdp(gone);
            datapath.DetachDevice(gone);
            _devices = _devices.Remove(gone);
        }

        foreach (LinkInfo link in wanted.Where(link => !_devices.TryGetValue(link.Name, out BalancedDevice? known) || known.Ifindex != link.Index || !known.IsSettled))
        {
            BalancedDevice device = Attach(link);
            if (device != _devices.GetValueOrDefault(link.Name))
            {
                Log.DeviceServed(log, device.Name, device.How);
            }

            _devices = _devices.SetItem(link.Name, device);
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
                () => datapath.AttachDevice(device.Name, device.Ifindex, device.HasEthernet, device.HasXdp));
            if (device.HasXdp)
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

    private IReadOnlyList<LinkInfo> Wanted() => DeviceChoice.Of(links.ListLinks(), links.ListAddresses(), options.Devices, HasRoutes);

    /// <summary>Every device with IPv6 has a route for link-local addresses: that is none.</summary>
    private bool HasRoutes(LinkInfo link) => tables.RoutesThrough(link.Index).Any(route => !route.Destination.Address.IsIPv6LinkLocal && !route.Destination.Address.IsIPv6Multicast);

    private BalancedDevice Attach(LinkInfo link)
    {
        if (DeviceChoice.HasEthernet(link) is not { } hasEthernet)
        {
            string type = Enum.IsDefined(link.Type) ? $"{link.Type}".ToUpperInvariant() : $"type {link.Type:D}";
            return new BalancedDevice(link.Name, link.Index, $"not served: links of {type} are not supported", IsServed: false, IsSettled: true);
        }

        if (WhyNoXdp(link, hasEthernet) is { } reason)
        {
            return AttachTc(link, hasEthernet, $"tc only: {reason}");
        }

        try
        {
            XdpMode mode = datapath.AttachXdp(link.Name, link.Index, Wanted(options.XdpMode));
            return AttachTc(link, hasEthernet, $"xdp {NameOf(mode)}", hasXdp: true);
        }
        catch (WeirException e)
        {
            return AttachTc(link, hasEthernet, $"tc only: {e.Message}") with { IsSettled = false };
        }
    }

    /// <summary>XDP reads Ethernet: of another link it would take addresses for something else. At a bridge it is in the
    /// stack, where it copies what containers and machines there send in large pieces.</summary>
    private string? WhyNoXdp(LinkInfo link, bool hasEthernet) =>
        !hasEthernet ? "no Ethernet header"
        : !_balances ? "nothing to balance or to filter"
        : options.XdpMode == XdpPreference.Off ? "xdp-mode is off"
        : link.Kind == "bridge" && !options.Devices.Contains(link.Name) ? "a bridge that 'devices' does not name"
        : null;

    private BalancedDevice AttachTc(LinkInfo link, bool hasEthernet, string how, bool hasXdp = false)
    {
        try
        {
            if (!hasXdp)
            {
                datapath.DetachXdp(link.Name); // an earlier agent may have been told otherwise
            }

            datapath.AttachDevice(link.Name, link.Index, hasEthernet, hasXdp);
            return new BalancedDevice(link.Name, link.Index, how, IsServed: true, IsSettled: true) { HasEthernet = hasEthernet, HasXdp = hasXdp };
        }
        catch (WeirException e)
        {
            return new BalancedDevice(link.Name, link.Index, $"not served: {e.Message}", IsServed: false, IsSettled: false);
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
        catch (WeirException e)
        {
            HookProblem = $"connections from this host do not reach services, and those that policy denies fail by their packets only: {e.Message}";
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
