// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Google.Protobuf;
using Weir.Store.Etcd.Api;

namespace Weir.Store.Etcd;

/// <summary>Where this store's keys are among all of etcd's. What is in one folder under the prefix is nobody's records.</summary>
internal sealed class KeySpace(string prefix)
{
    private readonly int _length = ByteString.CopyFromUtf8(prefix).Length;
    private readonly ByteString _own = ByteString.CopyFromUtf8(prefix + ".store/");

    internal string Prefix => prefix;

    /// <summary>The version of how records are laid out: <see cref="Etcd.Layout"/>.</summary>
    internal ByteString Layout { get; } = ByteString.CopyFromUtf8(prefix + ".store/layout");

    /// <summary>Every transaction puts its own name here, so that each revision tells who made it.</summary>
    internal ByteString Last { get; } = ByteString.CopyFromUtf8(prefix + ".store/last");

    /// <summary>What is there while nothing is to be done any more that names it.</summary>
    internal ByteString Fence(string name) => ByteString.CopyFromUtf8($"{prefix}.store/fences/{name}");

    /// <summary>Whether it is one of these.</summary>
    internal bool IsOwn(ByteString key) => key.Span.StartsWith(_own.Span);

    /// <summary>A record's key in etcd.</summary>
    /// <exception cref="ArgumentException">It cannot be one.</exception>
    internal ByteString Key(string key)
    {
        ByteString bytes = ByteString.CopyFromUtf8(prefix + Keys.Check(key));
        return IsOwn(bytes) ? throw new ArgumentException($"the key \"{key}\" is the store's own", nameof(key)) : bytes;
    }

    /// <summary>From here to <see cref="End"/> are the keys that begin so.</summary>
    internal ByteString First(string under) => ByteString.CopyFromUtf8(prefix + under);

    internal ByteString End(string under)
    {
        // UTF-8 has no byte 0xff, and the prefix is not empty: the last byte can always be raised.
        byte[] end = First(under).ToByteArray();
        end[^1]++;
        return ByteString.CopyFrom(end);
    }

    internal string KeyOf(ByteString key) => Encoding.UTF8.GetString(key.Span[_length..]);

    internal KeyValue Record(Record record) => new(KeyOf(record.Key), record.Value.Memory, record.CreateRevision, record.ModRevision, record.Lease);
}
