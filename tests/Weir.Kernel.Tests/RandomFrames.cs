// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Testing;

namespace Weir.Kernel.Tests;

/// <summary>Frames of clients as they may be, most of them sound, many mended a little, some broken altogether.</summary>
/// <param name="seed">The same one gives the same frames.</param>
internal sealed class RandomFrames(int seed)
{
    private static readonly byte[] _protocols = [6, 6, 6, 17, 17, 17, 1, 58, 132, 47];
    private static readonly byte[] _tcpFlags = [2, 0x10, 0x10, 0x18, 0x11, 4, 0x14, 0x12, 0, 0xff];
    private static readonly string _sameHash = SameHash.Of(IPAddress.Parse("2001:db8:2::80"), 2).Last().ToString();
    private readonly Random _random = new(seed);

    internal byte[] Next()
    {
        Frame sound = Sound();
        byte[] frame = sound.LengthError == 0 ? sound.Seal() : sound.ToBytes();
        if (_random.Next(3) == 0)
        {
            Bend(frame);
        }

        return _random.Next(8) == 0 ? Cut(frame) : frame;
    }

    private T One<T>(params T[] of) => of[_random.Next(of.Length)];

    private Frame Sound()
    {
        bool v6 = _random.Next(2) == 0;
        string last = $"{_random.Next(1, 250):x}";
        return new Frame
        {
            Source = v6 ? One("2001:db8:1::", "2001:db8:1::", "2001:db8:1::", "2001:db8:66::", "::ffff:cb00:71", "::") + last : One("203.0.113.7", "203.0.113.66", $"203.0.113.{_random.Next(1, 250)}"),
            Destination = v6 ? One("2001:db8:2::80", "2001:db8:2::80", "2001:db8:2::80", "2001:db8:3::1", "2001:db8:2::81", _sameHash, "::ffff:192.0.2.80") : One("192.0.2.80", "192.0.2.80", "198.51.100.1", "192.0.2.81"),
            DestinationMac = _random.Next(20) == 0 ? [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] : Frame.GatewayMac,
            Protocol = One(_protocols),
            SourcePort = (ushort)_random.Next(65536),
            DestinationPort = One<ushort>(80, 80, 81, 82, 83, 84, 85, 61005),
            TcpFlags = One(_tcpFlags),
            Sequence = (uint)_random.Next(),
            Acknowledgement = (uint)_random.Next(),
            Payload = new byte[One(0, 1, 5, 64, _random.Next(1480), 1180, 1181, 1192, 1193, 1239, 1240, 1241, 1260, 1261)],
            HopLimit = One(64, 64, 64, 2, 1, 0, 255),
            Vlan = _random.Next(12) == 0 ? (ushort)_random.Next(4096) : null,
            Fragment = _random.Next(12) == 0 ? One<ushort>(0x2000, 0x2010, 0x0010, 0x4000, 0x0001) : null,
            Options = !v6 && _random.Next(12) == 0 ? new byte[4 * _random.Next(1, 11)] : [],
            ExtensionHeader = v6 && _random.Next(12) == 0 ? One<byte>(0, 43, 60, 59, 51) : null,
            LengthError = _random.Next(12) == 0 ? _random.Next(-60, 60) : 0,
        };
    }

    /// <summary>Changes a few bytes, most of them of the headers.</summary>
    private void Bend(byte[] frame)
    {
        for (int i = _random.Next(1, 4); i > 0; i--)
        {
            frame[_random.Next(Math.Min(frame.Length, _random.Next(4) == 0 ? frame.Length : 60))] = (byte)_random.Next(256);
        }
    }

    private byte[] Cut(byte[] frame) => frame[..Math.Max(14, _random.Next(14, frame.Length + 1))];
}
