//! The land of the earth as a grid of dots: outlines drawn by hand, good enough to be recognised and small enough for every page.

use std::fmt::Write;
use std::sync::LazyLock;

/// Tenths of a degree: east from the date line, south from the upper edge.
pub const WIDTH: i32 = 3600;
pub const HEIGHT: i32 = 1360;
/// Degrees north of the upper edge; what lies further north or south is ice.
const TOP: i32 = 78;
/// Degrees between two dots.
const STEP: i32 = 2;

type Outline = &'static [(i32, i32)];

/// Degrees east and north, once around.
#[rustfmt::skip]
const LAND: &[Outline] = &[
    // North and Central America.
    &[
        (-168, 66), (-164, 68), (-157, 71), (-141, 70), (-128, 70), (-115, 69), (-108, 68), (-96, 68), (-94, 72), (-88, 69), (-82, 69),
        (-81, 67), (-87, 65), (-93, 62), (-94, 59), (-88, 57), (-82, 55), (-80, 51), (-79, 54), (-77, 57), (-78, 62), (-73, 62),
        (-70, 59), (-65, 60), (-62, 57), (-56, 53), (-60, 50), (-66, 50), (-70, 47), (-65, 48), (-60, 46), (-66, 44), (-70, 43),
        (-70, 41), (-74, 40), (-76, 36), (-81, 31), (-80, 26), (-82, 28), (-84, 30), (-89, 30), (-94, 29), (-97, 27), (-97, 22),
        (-95, 18), (-91, 18), (-90, 21), (-87, 21), (-88, 16), (-84, 16), (-83, 10), (-80, 9), (-77, 8), (-80, 7), (-83, 8),
        (-86, 11), (-91, 14), (-96, 16), (-105, 20), (-106, 23), (-112, 29), (-114, 31), (-110, 24), (-112, 25), (-115, 28),
        (-117, 33), (-121, 35), (-124, 40), (-124, 47), (-127, 50), (-131, 54), (-136, 58), (-146, 60), (-152, 59), (-158, 56),
        (-164, 54), (-158, 58), (-162, 59), (-165, 61), (-166, 64),
    ],
    // The Canadian islands, Greenland, Iceland.
    &[(-90, 73), (-80, 74), (-68, 69), (-62, 66), (-66, 62), (-72, 64), (-78, 65), (-73, 68), (-80, 70), (-89, 70)],
    &[(-117, 73), (-105, 73), (-102, 69), (-117, 69)],
    &[(-125, 74), (-117, 75), (-116, 73), (-123, 71)],
    &[(-95, 78), (-80, 79), (-78, 75), (-92, 75)],
    &[(-73, 79), (-20, 80), (-20, 74), (-25, 70), (-40, 65), (-43, 60), (-51, 63), (-54, 69), (-58, 75)],
    &[(-24, 65), (-22, 67), (-15, 67), (-14, 65), (-19, 63)],
    // Cuba, Hispaniola.
    &[(-85, 22), (-80, 24), (-75, 20), (-78, 20)],
    &[(-74, 20), (-69, 20), (-69, 18), (-74, 18)],
    // South America.
    &[
        (-77, 8), (-72, 12), (-62, 11), (-52, 5), (-50, 0), (-44, -3), (-37, -5), (-35, -8), (-39, -14), (-41, -22), (-48, -26),
        (-53, -33), (-57, -38), (-62, -39), (-65, -43), (-66, -48), (-69, -51), (-66, -55), (-74, -53), (-75, -46), (-73, -38),
        (-71, -30), (-70, -18), (-76, -14), (-81, -6), (-80, -2), (-78, 2),
    ],
    // Europe and Asia.
    &[
        (-9, 43), (-9, 38), (-6, 36), (-2, 37), (0, 39), (3, 42), (5, 43), (8, 44), (10, 43), (13, 41), (16, 38), (18, 40), (14, 43),
        (12, 45), (14, 45), (19, 42), (21, 38), (23, 37), (24, 40), (26, 41), (27, 37), (30, 36), (36, 36), (35, 32), (34, 31),
        (34, 28), (35, 28), (39, 21), (43, 13), (45, 13), (52, 16), (55, 18), (60, 22), (56, 25), (51, 24), (48, 30), (50, 30),
        (56, 27), (61, 25), (67, 25), (70, 21), (73, 20), (74, 14), (77, 8), (80, 13), (81, 16), (87, 21), (91, 22), (94, 17),
        (97, 16), (98, 10), (101, 5), (103, 1), (104, 2), (103, 6), (100, 10), (101, 13), (104, 10), (106, 9), (109, 12), (106, 18),
        (108, 21), (113, 22), (118, 25), (121, 29), (120, 34), (122, 37), (118, 39), (121, 40), (125, 39), (126, 35), (129, 35),
        (128, 39), (131, 43), (136, 45), (140, 50), (141, 53), (136, 54), (142, 59), (152, 59), (156, 57), (156, 51), (162, 56),
        (163, 60), (171, 60), (178, 63), (180, 65), (180, 69), (170, 70), (160, 70), (150, 72), (140, 73), (130, 72), (127, 74),
        (113, 74), (105, 78), (98, 76), (87, 75), (80, 73), (68, 73), (67, 69), (60, 69), (55, 68), (44, 68), (44, 66), (38, 64),
        (34, 66), (41, 67), (30, 70), (25, 71), (18, 69), (12, 65), (5, 62), (5, 59), (8, 58), (11, 59), (13, 56), (16, 57),
        (18, 60), (17, 62), (22, 66), (25, 65), (21, 62), (23, 60), (30, 60), (24, 58), (21, 56), (19, 54), (14, 54), (11, 54),
        (10, 57), (8, 57), (8, 54), (4, 52), (2, 51), (-2, 49), (-5, 48), (-1, 46), (-2, 43),
    ],
    &[(-180, 65), (-180, 69), (-175, 67), (-170, 66), (-174, 64)],
    &[(52, 71), (57, 71), (68, 77), (60, 76)],
    // Britain, Ireland, islands of the Mediterranean.
    &[(-5, 50), (1, 51), (2, 53), (-2, 56), (-2, 58), (-5, 59), (-6, 57), (-5, 55), (-3, 54), (-5, 52)],
    &[(-10, 52), (-6, 52), (-6, 55), (-9, 55)],
    &[(8, 42), (10, 42), (10, 39), (8, 39)],
    &[(12, 38), (16, 38), (15, 36)],
    &[(32, 35), (34, 36), (34, 34)],
    // Africa and Madagascar.
    &[
        (-6, 36), (-2, 35), (10, 37), (11, 34), (15, 32), (20, 31), (23, 33), (32, 31), (35, 24), (37, 21), (39, 16), (43, 12),
        (51, 12), (48, 5), (42, -2), (39, -6), (41, -15), (35, -20), (35, -24), (32, -28), (27, -34), (20, -35), (18, -33),
        (15, -27), (12, -18), (14, -11), (9, -1), (10, 4), (4, 6), (-4, 5), (-8, 4), (-13, 8), (-17, 13), (-17, 21), (-10, 30),
    ],
    &[(49, -12), (50, -16), (47, -25), (44, -23), (44, -17)],
    // Japan, Sakhalin, Taiwan, the Philippines, Sri Lanka.
    &[(130, 34), (136, 36), (139, 39), (141, 41), (142, 39), (141, 35), (137, 34), (132, 32), (130, 31)],
    &[(140, 42), (142, 46), (146, 43), (142, 42)],
    &[(142, 46), (142, 54), (144, 50)],
    &[(120, 23), (122, 26), (121, 22)],
    &[(120, 18), (122, 18), (124, 13), (120, 14)],
    &[(122, 8), (126, 9), (126, 6), (122, 7)],
    &[(80, 9), (82, 8), (81, 6)],
    // Indonesia and New Guinea.
    &[(95, 6), (104, -2), (106, -6), (102, -4), (98, 1)],
    &[(105, -6), (114, -6), (115, -9), (106, -8)],
    &[(109, 2), (113, 3), (117, 7), (119, 5), (118, 1), (116, -4), (110, -3)],
    &[(119, 1), (125, 2), (121, -1), (123, -5), (120, -6), (119, -3)],
    &[(131, -1), (138, -2), (145, -4), (151, -10), (146, -8), (143, -9), (138, -8), (133, -4)],
    // Australia, Tasmania, New Zealand.
    &[
        (114, -22), (122, -18), (129, -15), (131, -12), (136, -12), (136, -15), (140, -17), (142, -11), (146, -19), (153, -25),
        (153, -31), (150, -37), (146, -39), (140, -38), (136, -34), (131, -31), (124, -33), (118, -35), (115, -34), (114, -27),
    ],
    &[(144, -41), (148, -41), (148, -44), (146, -44)],
    &[(172, -35), (174, -35), (178, -38), (176, -41), (174, -40), (175, -37)],
    &[(172, -41), (174, -41), (171, -44), (169, -46), (166, -46)],
];

/// Water within the outlines: the Black Sea and the Caspian.
#[rustfmt::skip]
const WATER: &[Outline] = &[
    &[(28, 42), (29, 45), (31, 46), (37, 45), (41, 43), (41, 41), (36, 42), (31, 41)],
    &[(47, 43), (49, 46), (53, 46), (51, 44), (54, 40), (54, 37), (50, 37), (49, 40)],
];

/// Every dot, a row of neighbours as one line: the style sheet makes dots of it by its dashes.
pub static PATH: LazyLock<String> = LazyLock::new(|| {
    let mut path = String::new();
    for lat in ((TOP - HEIGHT / 10)..TOP).rev().filter(|lat| (TOP - lat) % STEP == 1) {
        let mut run: Option<(i32, i32)> = None;
        for lon in (-180..=180).filter(|lon: &i32| lon.rem_euclid(STEP) == 1) {
            match (&mut run, is_land(lon, lat)) {
                (Some((_, last)), true) => *last = lon,
                (None, true) => run = Some((lon, lon)),
                (_, false) => line(&mut path, run.take(), lat),
            }
        }
        line(&mut path, run, lat);
    }
    path
});

/// The dash pattern that makes dots of the lines: nothing, then a gap.
pub const DASHES: i32 = STEP * 10;

fn line(path: &mut String, run: Option<(i32, i32)>, lat: i32) {
    let Some((from, to)) = run else { return };
    // A little longer than the last dot, so that it is drawn.
    let length = (to - from) * 10 + 1;
    let _always = write!(path, "M{} {}h{length}", (from + 180) * 10, (TOP - lat) * 10);
}

fn is_land(lon: i32, lat: i32) -> bool {
    let inside = |outlines: &[Outline]| outlines.iter().any(|outline| encloses(outline, lon, lat));
    inside(LAND) && !inside(WATER)
}

/// Whether a line from the point to the east crosses the outline an odd number of times.
fn encloses(outline: &[(i32, i32)], lon: i32, lat: i32) -> bool {
    let mut inside = false;
    let mut before = outline[outline.len() - 1];
    for &here in outline {
        if (here.1 > lat) != (before.1 > lat) {
            // Where the edge is at this latitude, compared without dividing.
            let (left, right) = ((lon - here.0) * (before.1 - here.1), (before.0 - here.0) * (lat - here.1));
            if (left < right) == (before.1 > here.1) && left != right {
                inside = !inside;
            }
        }
        before = here;
    }
    inside
}

/// Where a place in millionths of a degree is on the map.
pub fn point(latitude: i32, longitude: i32) -> (i32, i32) {
    let x = (longitude + 180_000_000) / 100_000;
    let y = (TOP * 1_000_000 - latitude) / 100_000;
    (x.clamp(0, WIDTH), y.clamp(0, HEIGHT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn cities_stand_on_land_and_oceans_are_empty() {
        for (name, lon, lat) in [
            ("Brussels", 5, 51), ("Berlin", 13, 52), ("Madrid", -3, 41), ("Cairo", 31, 29), ("Nairobi", 37, -1), ("Austin", -97, 31),
            ("Montréal", -74, 47), ("São Paulo", -47, -23), ("Delhi", 77, 29), ("Beijing", 117, 41), ("Alice Springs", 133, -23),
            ("Moscow", 37, 55), ("Tehran", 51, 35), ("Johannesburg", 29, -27), ("Lima", -75, -12), ("Fairbanks", -147, 65),
        ] {
            assert!(is_land(lon, lat), "{name}");
        }
        for (name, lon, lat) in [
            ("Atlantic", -40, 30), ("Pacific", -150, 0), ("Indian Ocean", 80, -20), ("Black Sea", 35, 43), ("Caspian", 51, 41),
            ("North Sea", 3, 55), ("Hudson Bay", -86, 60), ("Bay of Bengal", 88, 15), ("Gulf of Mexico", -91, 25),
            ("Mediterranean", 18, 35),
        ] {
            assert!(!is_land(lon, lat), "{name}");
        }
    }

    #[test]
    fn the_whole_earth_is_a_few_kilobytes() {
        assert!(PATH.len() < 8000, "{}", PATH.len());
        assert!(PATH.matches('M').count() > 200);
    }

    #[test]
    fn a_place_is_on_the_map_wherever_it_is() {
        assert_eq!(point(51_054_300, 3_717_400), (1837, 269));
        assert_eq!(point(-90_000_000, 180_000_000), (WIDTH, HEIGHT));
        assert_eq!(point(90_000_000, -180_000_000), (0, 0));
    }
}
