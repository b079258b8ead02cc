//! A wrong composition of frames must not compile.

#[test]
fn wrong_compositions_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/compile_fail/right_order.rs");
    cases.compile_fail("tests/compile_fail/wrong_order.rs");
    cases.compile_fail("tests/compile_fail/point_of_another_frame.rs");
    cases.compile_fail("tests/compile_fail/points_of_two_frames.rs");
}
