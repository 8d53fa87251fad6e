// SPDX-License-Identifier: Apache-2.0
using Weir.Linux.Netlink;

namespace Weir.Datapath.Tests.Upgrades;

/// <summary>The datapath of another version at a <see cref="TrafficHost"/>: its maps in the place of those that are there, and its programs.</summary>
internal sealed class OtherVersion : IDisposable
{
    private readonly TrafficHost _host;

    internal OtherVersion(TrafficHost host, VersionImages version, DatapathOptions options)
    {
        _host = host;
        Maps = DatapathMaps.Open(options, version.Images);
        using JudgeProgram judge = JudgeProgram.Load(Maps);
        judge.Attach();
    }

    internal DatapathMaps Maps { get; }

    /// <summary>Puts its programs in the place of those that are there, as an agent does at its start.</summary>
    internal void Attach() => _host.Host.Run(() =>
    {
        using var links = new RtnetlinkSocket();
        EndpointAttachment attachment = _host.Endpoint;
        using EndpointProgram endpoint = EndpointProgram.Load(Maps, EndpointProgram.ConfigOf(attachment));
        using HostProgram device = HostProgram.Load(Maps, hasEthernet: true, hasXdp: true);
        int ifindex = links.GetLink(_host.Device)!.Index;
        Maps.EndReplacements(() =>
        {
            DeviceAttachment.Attach(links, endpoint.For(attachment.Id, _host.Options.PinRoot), attachment.Ifindex, byLinks: true).Dispose();
            DeviceAttachment.Attach(links, device.For(_host.Device, _host.Options.PinRoot), ifindex, byLinks: true).Dispose();
        });
    });

    public void Dispose() => Maps.Dispose();
}
