// SPDX-License-Identifier: Apache-2.0

using Weir.Linux.Interop;

namespace Weir.Linux;

/// <summary>What files, folders and sockets of this process are made without (umask(2)), until dispose. It is one for
/// all threads.</summary>
public sealed class CreationMask : IDisposable
{
    private const uint GroupAndOthers = 0x3F; // 077

    private readonly uint _before;

    private CreationMask(uint mask) => _before = Libc.SetCreationMask(mask);

    /// <summary>Nobody but the owner may use what is made.</summary>
    public static CreationMask OwnerOnly() => new(GroupAndOthers);

    public void Dispose() => _ = Libc.SetCreationMask(_before);
}
