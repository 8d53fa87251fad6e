// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Google.Protobuf;
using Weir.Store.Etcd.Api;

namespace Weir.Store.Etcd;

/// <summary>The version of how records are laid out in etcd. The first transaction writes it, and every one holds only while it is
/// as it was seen: a newer weir that changes the layout shuts out the older ones by one write.</summary>
/// <param name="ModRevision">0: nobody has written it yet.</param>
internal readonly record struct Layout(long ModRevision)
{
    private const int Version = 1;

    internal static ByteString Text { get; } = ByteString.CopyFromUtf8(Version.ToString(CultureInfo.InvariantCulture));

    /// <exception cref="StoreException">This version must not touch what is there.</exception>
    internal static Layout Read(RangeResponse answer, KeySpace keys)
    {
        if (answer.Kvs.Count == 0)
        {
            return default;
        }

        string text = answer.Kvs[0].Value.ToStringUtf8();
        return !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int version)
            ? throw new StoreException($"{keys.Layout.ToStringUtf8()} in etcd is no version of weir's: others use this prefix; give weir one of its own")
            : version > Version
                ? throw new StoreException($"a newer weir wrote what is under {keys.Prefix} in etcd (layout {version}; this one knows layout {Version}): start that version again")
                : new Layout(answer.Kvs[0].ModRevision);
    }
}
