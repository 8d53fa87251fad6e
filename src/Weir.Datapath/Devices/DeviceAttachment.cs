// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;
using Weir.Linux.Netlink;

namespace Weir.Datapath;

/// <summary>Two programs at a device: by tcx links, which come before all others' programs, where the kernel has them;
/// else by filters of clsact.</summary>
internal abstract class DeviceAttachment : IDisposable
{
    private const string IngressPin = "_in";
    private const string EgressPin = "_out";

    /// <summary>The device's number.</summary>
    internal int Ifindex { get; private init; }

    internal abstract bool IsByLinks { get; }

    /// <summary>Whether both are attached, and nobody's program comes before that must not.</summary>
    internal abstract bool IsWhole { get; }

    /// <summary>Attaches both, in place of older ones of Weir's, of either way, without a gap.</summary>
    internal static DeviceAttachment Attach(RtnetlinkSocket links, DevicePrograms programs, int ifindex, bool byLinks)
    {
        if (!byLinks)
        {
            return ByFilters.Attach(links, programs, ifindex);
        }

        PinnedLink ingress = TcxLink.Attach(programs.Ingress, ifindex, ingress: true, programs.Pin + IngressPin);
        PinnedLink egress = TcxLink.Attach(programs.Egress, ifindex, ingress: false, programs.Pin + EgressPin);
        DeleteFilters(links, programs.Place, ifindex);
        return new ByLinks(ingress, egress) { Ifindex = ifindex };
    }

    /// <summary>Takes up links that an earlier agent pinned. Null: there are none of this device, or not whole ones.</summary>
    internal static DeviceAttachment? Find(string pin, int ifindex)
    {
        PinnedLink? ingress = PinnedLink.Open(pin + IngressPin);
        PinnedLink? egress = PinnedLink.Open(pin + EgressPin);
        if (ingress is not null && egress is not null)
        {
            var found = new ByLinks(ingress, egress) { Ifindex = ifindex };
            if (found.IsWhole)
            {
                return found;
            }
        }

        ingress?.Dispose();
        egress?.Dispose();
        return null;
    }

    /// <summary>Takes both off a device, whoever attached them. Nothing happens if they, or the device, are gone.</summary>
    internal static void Detach(RtnetlinkSocket links, string pin, FilterPlace place, int? ifindex)
    {
        BpfLink.Detach(pin + IngressPin);
        BpfLink.Detach(pin + EgressPin);
        if (ifindex is { } index)
        {
            DeleteFilters(links, place, index);
        }
    }

    /// <summary>The pins that were removed.</summary>
    internal abstract IEnumerable<string> Unpinned();

    /// <summary>Pins links again whose pins were removed.</summary>
    internal abstract void PinAgain();

    public abstract void Dispose();

    private static void DeleteFilters(RtnetlinkSocket links, FilterPlace place, int ifindex)
    {
        foreach (uint handle in (uint[])[place.Handle, FilterPlace.OtherHandle])
        {
            links.DeleteBpfFilter(ifindex, ingress: true, place.Priority, handle);
            links.DeleteBpfFilter(ifindex, ingress: false, place.Priority, handle);
        }
    }

    private sealed class ByLinks(PinnedLink ingress, PinnedLink egress) : DeviceAttachment
    {
        internal override bool IsByLinks => true;

        internal override bool IsWhole => TcxLink.IsFirst(ingress, Ifindex, ingress: true) && TcxLink.IsFirst(egress, Ifindex, ingress: false);

        internal override IEnumerable<string> Unpinned() => new[] { ingress, egress }.Where(link => !link.IsPinned).Select(link => link.Pin);

        internal override void PinAgain()
        {
            ingress.PinAgain();
            egress.PinAgain();
        }

        public override void Dispose()
        {
            ingress.Dispose();
            egress.Dispose();
        }
    }

    private sealed class ByFilters(RtnetlinkSocket links, FilterPlace place, uint ingress, uint egress) : DeviceAttachment
    {
        internal override bool IsByLinks => false;

        internal override bool IsWhole => IsThere(fromDevice: true, ingress) && IsThere(fromDevice: false, egress);

        internal static ByFilters Attach(RtnetlinkSocket links, DevicePrograms programs, int ifindex)
        {
            links.AddClsact(ifindex);
            Put(links, programs.Place, programs.Ingress, ifindex, fromDevice: true);
            Put(links, programs.Place, programs.Egress, ifindex, fromDevice: false);
            return new ByFilters(links, programs.Place, programs.Ingress.Id, programs.Egress.Id) { Ifindex = ifindex };
        }

        internal override IEnumerable<string> Unpinned() => [];

        internal override void PinAgain()
        {
            // Filters have no pins.
        }

        public override void Dispose()
        {
            // The filters stay.
        }

        private static void Put(RtnetlinkSocket links, FilterPlace place, BpfProgram program, int ifindex, bool fromDevice)
        {
            IReadOnlyList<BpfFilterInfo> there = links.ListBpfFilters(ifindex, fromDevice);
            uint[] own = [place.Handle, FilterPlace.OtherHandle];
            bool isOvertaken = place.MustBeFirst && there.Count > 0 && there[0].Priority == place.Priority && !own.Contains(there[0].Handle);
            uint old = there.FirstOrDefault(filter => filter.Priority == place.Priority && own.Contains(filter.Handle)).Handle;
            uint handle = old == 0 ? place.Handle : isOvertaken ? own.First(one => one != old) : old;
            links.ReplaceBpfFilter(ifindex, fromDevice, program.Fd, program.Name, place.Priority, handle);
            if (old != 0 && old != handle)
            {
                links.DeleteBpfFilter(ifindex, fromDevice, place.Priority, old);
            }
        }

        private bool IsThere(bool fromDevice, uint program)
        {
            IReadOnlyList<BpfFilterInfo> there = links.ListBpfFilters(Ifindex, fromDevice);
            return place.MustBeFirst
                ? there.Count > 0 && there[0].ProgramId == program && !TcxLink.HasAny(Ifindex, fromDevice)
                : there.Any(filter => filter.ProgramId == program);
        }
    }
}
